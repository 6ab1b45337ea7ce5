/**
 * Owns the engine thread as the main thread sees it.
 *
 *   T1  At most one step is out; it settles by its outcome or by the thread's death.
 *   T2  The thread dies once: `died` settles unless `close` was called before.
 */
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { BatonError, type SequenceId } from "@baton/core";
import type { StepOutcome, StepPlan } from "@baton/scheduler";
import { ChunkStop } from "./chunk-stop.ts";
import type { PlanExecutor } from "./plan-executor.ts";
import type { ThreadData, ThreadReply, ThreadRequest } from "./thread-protocol.ts";

/** Beside this file, and like it TypeScript in development and JavaScript in a build. */
const THREAD_MODULE = `./engine-thread${extname(import.meta.url)}`;

/** The step that is out, or was last. */
interface Step {
  readonly plan: StepPlan;
  readonly stops: SharedArrayBuffer;
  readonly outcome: PromiseWithResolvers<StepOutcome>;
}

/** A thread that executes step plans. */
export class StepThread implements PlanExecutor {
  readonly #worker: Worker;
  readonly #died = Promise.withResolvers<BatonError>();
  readonly #exited = Promise.withResolvers<void>();
  #step: Step | undefined;
  #dead: BatonError | undefined;
  #closing = false;

  private constructor(data: ThreadData, onStarted: () => void) {
    // No environment and no flags: what instruments the main thread (`--import`) has no business in this one.
    this.#worker = new Worker(new URL(THREAD_MODULE, import.meta.url), {
      name: "engine",
      workerData: data,
      env: {},
      execArgv: [],
    });
    this.#worker.on("message", (message: ThreadReply) => this.#onReply(message, onStarted));
    this.#worker.on("messageerror", (error) => this.#die(error));
    this.#worker.on("error", (error) => this.#die(error));
    this.#worker.on("exit", (code) => {
      this.#die(`Cannot go on without the engine thread: it exited with code ${code}`);
      this.#exited.resolve();
    });
  }

  /** Resolves once the model is loaded; rejects with the reason if it cannot be. */
  static async start(data: ThreadData): Promise<StepThread> {
    const started = Promise.withResolvers<void>();
    const thread = new StepThread(data, started.resolve);
    await Promise.race([started.promise, thread.died.then((error) => Promise.reject(error))]);
    return thread;
  }

  /** Settles with the reason when the thread ends without being asked to. */
  get died(): Promise<BatonError> {
    return this.#died.promise;
  }

  /** Executes a plan; rejects if the thread dies over it. */
  execute(plan: StepPlan): Promise<StepOutcome> {
    if (this.#dead) return Promise.reject(this.#dead);
    const stops = ChunkStop.allocate(plan.prefills.length);
    this.#step = { plan, stops, outcome: Promise.withResolvers() };
    this.#send({ type: "step", plan, stops });
    return this.#step.outcome.promise;
  }

  stop(id: SequenceId): void {
    const chunk = this.#step?.plan.prefills.findIndex(({ sequenceId }) => sequenceId === id) ?? -1;
    if (this.#step && chunk >= 0) ChunkStop.at(this.#step.stops, chunk).set();
  }

  /** Ends the thread after the step that is out; resolves once it is gone. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#send({ type: "close" });
    await this.#exited.promise;
  }

  #send(request: ThreadRequest): void {
    this.#worker.postMessage(request);
  }

  #onReply(message: ThreadReply, onStarted: () => void): void {
    if (message.type === "started") onStarted();
    else if (message.type === "outcome") this.#step?.outcome.resolve(message.outcome);
    else this.#die(new BatonError(message.code, message.message));
  }

  #die(reason: unknown): void {
    if (this.#dead) return;
    this.#dead = BatonError.from(reason);
    this.#step?.outcome.reject(this.#dead);
    if (!this.#closing) this.#died.resolve(this.#dead);
  }
}
