/** One service as a real process, started from its own `main` as a supervisor would. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { InsideAnswer, InsideView } from "./inside-view.ts";

const SERVICES = fileURLToPath(new URL("../../services", import.meta.url));

/** Flags of Node with which a process answers `inside`. */
export const LOOK_INSIDE = [
  "--expose-internals",
  "--import",
  new URL("./inside-view.ts", import.meta.url).href,
] as const;

export type ServiceName = "router" | "prefill-worker" | "decode-worker";

/** The main module of a service in the repository. */
export function sourceOf(service: ServiceName): string {
  return `${SERVICES}/${service}/src/main.ts`;
}

/** A running service process. */
export class ServiceProcess {
  readonly child: ChildProcess;
  /** `host:port` of each listener, as its ready message says. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly #log: string[];

  private constructor(child: ChildProcess, addresses: Readonly<Record<string, string>>, log: string[]) {
    this.child = child;
    this.addresses = addresses;
    this.#log = log;
  }

  /** Starts the service with the main module `program`, under Node with `flags`; resolves once it says that it is ready. */
  static async start(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    flags: readonly string[] = [],
  ): Promise<ServiceProcess> {
    const child = spawn(process.execPath, [...flags, program, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...withoutOwnSettings(process.env), ...env },
    });
    const log: string[] = [];
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => log.push(text));
    }
    const ready = Promise.withResolvers<Readonly<Record<string, string>>>();
    child.on("message", (message: { type?: string; addresses?: Record<string, string> }) => {
      if (message.type === "ready" && message.addresses) ready.resolve(message.addresses);
    });
    child.once("error", ready.reject);
    child.once("exit", (code, signal) =>
      ready.reject(new Error(`${program} ended before it was ready (${signal ?? code}):\n${log.join("")}`)),
    );
    return new ServiceProcess(child, await ready.promise, log);
  }

  /** Everything it has printed. */
  get log(): string {
    return this.#log.join("");
  }

  /** Its timers and resources at this moment; of a process that was started with `LOOK_INSIDE`. */
  async inside(): Promise<InsideView> {
    const { child } = this;
    const answered = Promise.withResolvers<InsideView>();
    const onMessage = (message: InsideAnswer) => message.type === "inside" && answered.resolve(message.view);
    const onExit = () => answered.reject(new Error("Cannot look inside: the process has ended"));
    child.on("message", onMessage).once("exit", onExit);
    try {
      child.send({ type: "look-inside" }, (error) => error && answered.reject(error));
      return await answered.promise;
    } finally {
      child.off("message", onMessage).off("exit", onExit);
    }
  }

  /** Sends a signal and waits for the end; resolves with the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | NodeJS.Signals> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGCONT"); // A process frozen by the test cannot act on SIGTERM.
      child.kill(signal);
      await exited;
    }
    return child.signalCode ?? child.exitCode!;
  }
}

/** The environment without settings of Baton or OpenTelemetry: a test says all of them itself. */
function withoutOwnSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(BATON|OTEL)_/.test(name)));
}
