/** Real processes from tiny scripts in place of the services; time is moved by hand. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { LocalCluster } from "./local-cluster.ts";
import type { ServicePlan, ServiceSpec } from "./service-plan.ts";

/** Every script first tells its process id and its arguments; a listener for the channel's end keeps it alive. */
const TELLS = `console.log("pid", process.pid, ...process.argv.slice(2));`;
const LIVES = `process.on("disconnect", () => process.exit());`;
const ROUTER = `${TELLS} ${LIVES}
  const registry = process.argv[2] === "0" ? "4100" : process.argv[2];
  process.send({ type: "ready", addresses: { http: "127.0.0.1:8123", grpc: "127.0.0.1:" + registry } });
`;
const WORKER = `${TELLS} ${LIVES} process.send({ type: "ready", addresses: { grpc: "127.0.0.1:1" } });`;
const STUBBORN = `process.on("SIGTERM", () => console.log("asked to stop")); ${WORKER}`;
const FAILS = `process.exit(7)`;
const PORT_IN_USE = `
  process.stderr.write("Cannot listen on 127.0.0.1:8000: the port is already in use\\n");
  process.exit(3);
`;

let folder: string;
let setup: Setup | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-up-"));
});

afterEach(async () => {
  await setup?.end();
  setup = undefined;
  await rm(folder, { recursive: true });
});

interface Timer {
  readonly ms: number;
  readonly run: () => void;
}

/** A cluster of scripts, what it printed, and its timers that wait to be fired. */
class Setup {
  readonly cluster: LocalCluster;
  readonly timers = new Set<Timer>();
  listening: Promise<number> | undefined;
  readonly #lines: string[] = [];
  #changed = Promise.withResolvers<void>();
  now = 0;

  constructor(plan: ServicePlan) {
    this.cluster = new LocalCluster(plan, {
      clock: { now: () => this.now },
      after: (ms, run) => {
        const timer = { ms, run };
        this.timers.add(timer);
        this.#notify();
        return () => {
          this.timers.delete(timer);
          this.#notify();
        };
      },
      random: () => 0,
      print: (line) => {
        this.#lines.push(line);
        this.#notify();
      },
      verbose: true,
    });
  }

  start(): this {
    this.listening = this.cluster.start(8000);
    return this;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Processes started so far, as they told of themselves, in that order. */
  processes(): readonly { name: string; pid: number; argument: string }[] {
    return this.#lines.flatMap((line) => {
      const [, name, pid, argument] = /^(\S+): pid (\d+) (\S+)$/.exec(line) ?? [];
      return name && argument ? [{ name, pid: Number(pid), argument }] : [];
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  async printed(line: string): Promise<void> {
    await this.until(() => this.#lines.includes(line));
  }

  /** Fires the only timer that waits; tells its time. */
  fire(): number {
    const [timer] = this.timers;
    if (!timer || this.timers.size > 1) throw new Error(`Expected one timer, found ${this.timers.size}`);
    this.timers.delete(timer);
    timer.run();
    return timer.ms;
  }

  /** Ends what is left, without waiting for anybody's patience. */
  async end(): Promise<void> {
    const stopped = this.cluster.stop();
    for (const timer of this.timers) timer.run();
    await stopped;
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

async function script(name: string, source: string): Promise<ServiceSpec> {
  const path = join(folder, `${name}.mjs`);
  await writeFile(path, source);
  return { name, script: path, args: [] };
}

async function startCluster(
  routerSource: string,
  workers: Readonly<Record<string, string>> = {},
): Promise<Setup> {
  const router = await script("router", routerSource);
  const specs = await Promise.all(Object.entries(workers).map(([name, source]) => script(name, source)));
  setup = new Setup({
    router: ({ registry }) => ({ ...router, args: [`${registry}`] }),
    workers: (registry) => specs.map((spec) => ({ ...spec, args: [registry] })),
  });
  return setup.start();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a local cluster", () => {
  test("starts the router first, then the workers with the address of its registry", async () => {
    const running = await startCluster(ROUTER, { "prefill-0": WORKER, "decode-0": WORKER });
    expect(await running.listening).toBe(8123);
    await running.until(() => running.processes().length === 3);
    expect(running.processes().map(({ name, argument }) => [name, argument])).toEqual([
      ["router", "0"],
      ...running
        .processes()
        .slice(1)
        .map(({ name }) => [name, "127.0.0.1:4100"]),
    ]);
  });

  test("starts a service that ends again and again, later each time, and names it and the cause", async () => {
    const running = await startCluster(ROUTER, { "prefill-0": FAILS });
    await running.printed("prefill-0 ended (exit code 7), starting it again in 0.5 s");
    expect(running.fire()).toBe(500);
    await running.printed("prefill-0 ended (exit code 7), starting it again in 1.0 s");
    running.now += 30_000;
    expect(running.fire()).toBe(1000);
  });

  test("gives a restarted router the ports it had, and leaves the workers alone", async () => {
    const running = await startCluster(ROUTER, { "decode-0": WORKER });
    await running.until(() => running.processes().length === 2);
    process.kill(running.processes()[0]!.pid, "SIGKILL");
    await running.printed("router ended (signal SIGKILL), starting it again in 0.5 s");
    running.fire();
    await running.printed("router is back");
    await running.until(() => running.processes().length === 3);
    expect(running.processes()[2]).toMatchObject({ name: "router", argument: "4100" });
  });

  test("gives up on a port in use, with the one line that names it", async () => {
    const running = await startCluster(PORT_IN_USE);
    expect(await running.cluster.failed).toBe(3);
    expect(running.lines).toEqual(["router: Cannot listen on 127.0.0.1:8000: the port is already in use"]);
    expect(running.timers.size).toBe(0);
  });

  test("stop() leaves no process, and kills the one that does not end by itself", async () => {
    const running = await startCluster(ROUTER, { "prefill-0": WORKER, "decode-0": STUBBORN });
    await running.until(() => running.processes().length === 3);
    const stopped = running.cluster.stop();
    await running.printed("decode-0: asked to stop");
    await running.until(() => running.timers.size === 1);
    expect(running.fire()).toBe(4000);
    await stopped;
    expect(running.processes().map(({ pid }) => isAlive(pid))).toEqual([false, false, false]);
    expect(running.timers.size).toBe(0);
  });

  test("stop() while a service waits for its restart starts nothing more", async () => {
    const running = await startCluster(ROUTER, { "prefill-0": FAILS });
    await running.printed("prefill-0 ended (exit code 7), starting it again in 0.5 s");
    await running.cluster.stop();
    expect(running.timers.size).toBe(0);
  });
});
