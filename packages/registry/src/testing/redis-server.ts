/** A real Redis for one test file, which can be killed, frozen and flushed. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRedisRunner, type RedisRunner, type RunningRedis } from "./redis-runner.ts";

const START_MS = 10_000;
const CONFIG_FILE = "redis.conf";

/** Lines of a Redis configuration file, given the folder that they may use. */
export type RedisConfig = (folder: string) => readonly string[];

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #runner: RedisRunner;
  readonly #folder: string;
  readonly #args: readonly string[];
  #running: RunningRedis;

  /** Starts a server without persistence on a free port of 127.0.0.1 and waits until it accepts connections. */
  static async start(
    config: RedisConfig = () => [],
    mode: "plain" | "tls" | "sentinel" = "plain",
  ): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "baton-redis-"));
    const port = await freePort();
    const lines = ["bind 127.0.0.1", `dir ${folder}`, ...config(folder)];
    lines.push(...(mode === "tls" ? ["port 0", `tls-port ${port}`] : [`port ${port}`]));
    if (mode !== "sentinel") lines.push('save ""');
    await writeFile(join(folder, CONFIG_FILE), `${lines.join("\n")}\n`);
    const runner = await findRedisRunner();
    const server = new RedisServer(runner, port, folder, mode === "sentinel" ? ["--sentinel"] : []);
    await server.#answers();
    return server;
  }

  private constructor(runner: RedisRunner, port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.#runner = runner;
    this.#folder = folder;
    this.#args = args;
    this.#running = this.#start();
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Kills it as a power cut would: all data is lost. */
  kill(): Promise<void> {
    return this.#running.kill();
  }

  /** Starts it again, empty, on the same port. */
  async restart(): Promise<void> {
    await this.#running.kill();
    this.#running = this.#start();
    await this.#answers();
  }

  pause(): Promise<void> {
    return this.#running.pause();
  }

  resume(): Promise<void> {
    return this.#running.resume();
  }

  /** Sends one command, words only, and resolves with the first line of the answer. */
  async command(...words: readonly string[]): Promise<string> {
    const socket = connect(this.port, "127.0.0.1");
    try {
      return await firstLine(socket, `${words.join(" ")}\r\n`);
    } finally {
      socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #start(): RunningRedis {
    return this.#runner.start(join(this.#folder, CONFIG_FILE), this.#args);
  }

  async #answers(): Promise<void> {
    const giveUpAt = performance.now() + START_MS;
    while (!(await this.#accepts())) {
      if (performance.now() > giveUpAt) {
        throw new Error(`Cannot start Redis on port ${this.port}: no answer in ${START_MS} ms`);
      }
    }
  }

  #accepts(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = connect(this.port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => setTimeout(resolve, 20, false));
    return promise.finally(() => socket.destroy());
  }
}

function firstLine(socket: Socket, command: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (part: string) => {
    text += part;
    if (text.includes("\r\n")) resolve(text.slice(0, text.indexOf("\r\n")));
  });
  socket.once("error", reject);
  socket.once("close", () => reject(new Error(`Redis closed the connection before it answered ${command}`)));
  socket.write(command);
  return promise;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
