/** What operators do with single workers: look at them, drain them, take them out. */
import { BatonError, type Logger, type WorkerRecord } from "@baton/core";
import type { WorkerRegistry } from "@baton/registry";
import type { DrainOrder, WorkerStatus } from "@baton/rpc";
import type { WorkerClients } from "./clients/worker-clients.ts";

/** How long a worker has to answer, and the registry to tell of it, in ms. */
const ANSWER_MS = 2000;

export interface WorkerAdminParts {
  readonly registry: WorkerRegistry;
  readonly clients: Pick<WorkerClients, "control" | "controlApart" | "abandon">;
  readonly logger: Logger;
}

/** What came of an order to take a worker out. */
export interface Removal {
  readonly worker: WorkerRecord;
  /** Why the worker could not be told to stop, if it could not. */
  readonly untold?: BatonError;
}

export class WorkerAdmin {
  readonly #parts: WorkerAdminParts;

  constructor(parts: WorkerAdminParts) {
    this.#parts = parts;
  }

  /**
   * Tells a worker to take no new work; resolves with the calls that it runs once this router sends it nothing more.
   * @throws BatonError `not_found`, or what kept the worker from answering.
   */
  async drain(id: string, order: Omit<DrainOrder, "stop">): Promise<number> {
    const worker = this.#find(id);
    const running = await this.#control(worker).drain({ ...order, stop: false }, answerSoon());
    await this.#untilState(worker, "draining");
    return running;
  }

  /** Ends a drain. @throws BatonError `not_found`, or what kept the worker from answering. */
  async resume(id: string): Promise<void> {
    const worker = this.#find(id);
    await this.#control(worker).resume(answerSoon());
    await this.#untilState(worker, "serving");
  }

  /**
   * Takes a worker out of the registry, has the calls that run on it ended, and tells it to stop. A worker that cannot
   * be told is out all the same: this process of it is not taken in again.
   * @throws BatonError `not_found`; `unavailable` when the registry cannot be reached.
   */
  async remove(id: string): Promise<Removal> {
    const { registry, clients, logger } = this.#parts;
    const worker = this.#find(id);
    await registry.remove(worker);
    clients.abandon(worker);
    // Its client went with its leaving; this one is for the goodbye.
    const untold = await this.#tellToStop(worker);
    logger.info({ worker: id, epoch: worker.epoch, err: untold }, "Worker removed");
    return { worker, ...(untold && { untold }) };
  }

  /** What every worker says of itself, or why it does not. */
  async statuses(): Promise<readonly (readonly [WorkerRecord, WorkerStatus | BatonError])[]> {
    return Promise.all(
      this.#parts.registry.workers().map(async (worker) => {
        const status = this.#control(worker).status(answerSoon());
        return [worker, await status.catch((reason: unknown) => BatonError.from(reason))] as const;
      }),
    );
  }

  #find(id: string): WorkerRecord {
    const workers = this.#parts.registry.workers();
    const worker = workers.find((candidate) => candidate.id === id);
    if (worker) return worker;
    const known = workers.map((candidate) => `"${candidate.id}"`).join(", ") || "none";
    throw new BatonError("not_found", `Cannot find worker "${id}": the workers are ${known}`);
  }

  #control(worker: WorkerRecord) {
    return this.#parts.clients.control(worker);
  }

  async #tellToStop(worker: WorkerRecord): Promise<BatonError | undefined> {
    const client = this.#parts.clients.controlApart(worker);
    try {
      await client.drain({ stop: true, deadlineMs: 0 }, answerSoon());
      return undefined;
    } catch (reason) {
      return BatonError.from(reason);
    } finally {
      client.close();
    }
  }

  /** Resolves when the registry says so, or the worker has left it, or after `ANSWER_MS`. */
  async #untilState({ id, epoch }: WorkerRecord, state: WorkerRecord["state"]): Promise<void> {
    const { registry } = this.#parts;
    const done = Promise.withResolvers<void>();
    const check = () => {
      const worker = registry.workers().find((candidate) => candidate.id === id);
      if (worker?.epoch !== epoch || worker.state === state) done.resolve();
    };
    const stopWatching = registry.onChange(check);
    const timer = setTimeout(done.resolve, ANSWER_MS);
    check();
    await done.promise;
    clearTimeout(timer);
    stopWatching();
  }
}

function answerSoon() {
  return { signal: AbortSignal.timeout(ANSWER_MS) };
}
