/**
 * One service process and its successors.
 *
 *   S1  At most one process of a service lives at a time.
 *   S2  After stop() nothing is started again, and stop() settles only when the process is gone.
 *   S3  An end that a restart cannot mend (configuration, port in use) is reported, not restarted.
 *   S4  The process is in a process group of its own: a terminal's Ctrl-C reaches the supervisor only, which decides.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Clock } from "@baton/core";
import { EXIT_CODE, type ReadyMessage } from "@baton/lifecycle";
import { formatLogLine, type ShownLines } from "./format-log-line.ts";
import { nextRestart } from "./restart-policy.ts";
import type { ServiceSpec } from "./service-plan.ts";

/** Time a process has to stop by itself before it is killed. */
const STOP_GRACE_MS = 4000;

/** What a supervised service takes from outside; tests move the timers by hand. */
export interface SupervisorContext {
  readonly clock: Clock;
  /** Calls `run` once after `ms`, unless the returned function is called first. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** In [0, 1). */
  readonly random: () => number;
  /** Shows a line to the person at the terminal. */
  readonly print: (line: string) => void;
  readonly verbose: boolean;
}

/** What the owner of a supervised service wants to know. */
export interface ServiceListener {
  /** A process of the service serves: the first one, or a restarted one. */
  readonly onReady: (addresses: ReadyMessage["addresses"]) => void;
  /** The service ended for good with this exit code; its last lines said why. */
  readonly onFatal: (exitCode: number) => void;
}

type State =
  | { readonly kind: "idle" }
  | { readonly kind: "running"; readonly child: ChildProcess; readonly gone: Promise<void> }
  | { readonly kind: "waiting"; readonly cancel: () => void }
  | { readonly kind: "stopped"; readonly gone: Promise<void> };

export class SupervisedService {
  readonly name: string;
  readonly #launch: () => ServiceSpec;
  readonly #listener: ServiceListener;
  readonly #context: SupervisorContext;
  #state: State = { kind: "idle" };
  #failures = 0;

  /** @param launch says what to run, asked anew at each start. */
  constructor(
    name: string,
    launch: () => ServiceSpec,
    listener: ServiceListener,
    context: SupervisorContext,
  ) {
    this.name = name;
    this.#launch = launch;
    this.#listener = listener;
    this.#context = context;
  }

  /** Starts the first process. */
  start(): void {
    if (this.#state.kind === "idle") this.#spawn();
  }

  /** Asks the process to end, kills it when it takes too long, and resolves when it is gone. */
  stop(): Promise<void> {
    if (this.#state.kind === "stopped") return this.#state.gone;
    const gone = this.#end(this.#state);
    this.#state = { kind: "stopped", gone };
    return gone;
  }

  async #end(state: State): Promise<void> {
    if (state.kind === "waiting") state.cancel();
    if (state.kind !== "running") return;
    state.child.kill("SIGTERM");
    const cancel = this.#context.after(STOP_GRACE_MS, () => state.child.kill("SIGKILL"));
    await state.gone;
    cancel();
  }

  #spawn(): void {
    const { script, args } = this.#launch();
    const startedAt = this.#context.clock.now();
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    });
    child.on("message", (message: ReadyMessage) => {
      if (message.type === "ready") this.#listener.onReady(message.addresses);
    });
    const ends = [endOf(child), this.#show(child.stdout!, "stdout"), this.#show(child.stderr!, "stderr")];
    const gone = Promise.all(ends).then(([cause]) => this.#onGone(child, String(cause), startedAt));
    this.#state = { kind: "running", child, gone };
  }

  async #show(output: Readable, stream: "stdout" | "stderr"): Promise<void> {
    for await (const line of createInterface({ input: output })) {
      const shown = formatLogLine(line, { service: this.name, stream, show: this.#shownLines() });
      if (shown !== undefined) this.#context.print(shown);
    }
  }

  /** Services that stop together lose one another: no news. */
  #shownLines(): ShownLines {
    if (this.#context.verbose) return "everything";
    return this.#state.kind === "stopped" ? "errors" : "warnings";
  }

  #onGone(child: ChildProcess, cause: string, startedAt: number): void {
    if (this.#state.kind === "stopped") return;
    if (child.exitCode === EXIT_CODE.configuration || child.exitCode === EXIT_CODE.addressInUse) {
      this.#state = { kind: "stopped", gone: Promise.resolve() };
      this.#listener.onFatal(child.exitCode);
      return;
    }
    const { clock, random, after, print } = this.#context;
    const { failures, delayMs } = nextRestart(this.#failures, clock.now() - startedAt, random());
    this.#failures = failures;
    print(`${this.name} ended (${cause}), starting it again in ${(delayMs / 1000).toFixed(1)} s`);
    this.#state = { kind: "waiting", cancel: after(delayMs, () => this.#spawn()) };
  }
}

/** Resolves with the cause of a process's end; a process that could not even be started has one too. */
async function endOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return signal === null ? `exit code ${code}` : `signal ${signal}`;
  } catch (error) {
    return (error as Error).message;
  }
}
