/**
 * A drain that is asked for from outside: the worker takes no new work, what runs goes on.
 *
 *   D1  Routers are told by the announced state and stop sending; a call that was on its way then is still served.
 *   D2  The last order counts: a drain may be repeated with another time limit, and resumed.
 *   D3  An order to stop cannot be taken back: the worker leaves the registry at once, and is done when nothing runs.
 */
import { BatonError } from "@baton/core";
import type { DrainOrder, RpcServer } from "@baton/rpc";

export interface WorkerDrainParts {
  readonly server: Pick<RpcServer, "openCalls" | "abortCalls" | "idle">;
  readonly announce: (state: "serving" | "draining") => void;
  /** Says goodbye to the registry. */
  readonly leave: () => void;
}

export class WorkerDrain {
  readonly #parts: WorkerDrainParts;
  readonly #stopped = Promise.withResolvers<void>();
  #limit: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(parts: WorkerDrainParts) {
    this.#parts = parts;
  }

  /** Settles when the worker was told to stop and nothing runs any more. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Returns the calls that run now. */
  start({ deadlineMs, stop }: DrainOrder): number {
    const { server, announce } = this.#parts;
    clearTimeout(this.#limit);
    announce("draining");
    if (deadlineMs !== undefined) {
      this.#limit = setTimeout(() => server.abortCalls(tooLate(deadlineMs)), deadlineMs).unref();
    }
    if (stop) this.#stop();
    return server.openCalls;
  }

  /** @throws BatonError `unavailable` for a worker that was told to stop. */
  resume(): void {
    if (this.#stopping) throw new BatonError("unavailable", "Cannot resume the worker: it was told to stop");
    clearTimeout(this.#limit);
    this.#parts.announce("serving");
  }

  #stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#parts.leave();
    void this.#parts.server.idle().then(this.#stopped.resolve);
  }
}

function tooLate(deadlineMs: number): BatonError {
  return new BatonError(
    "unavailable",
    `Cannot finish the call: the worker is draining, and ${deadlineMs} ms were given`,
  );
}
