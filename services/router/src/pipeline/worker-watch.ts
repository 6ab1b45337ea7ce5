/**
 * What is known of the workers: circuits and overload marks from the attempts of requests, load from their own reports.
 *
 *   H1  Whoever is under suspicion for the end of an attempt is charged with its error; which errors are a worker's
 *       fault at all is the circuit's business.
 *   H2  A complete answer is a success of the others on its route; any other end says nothing of them.
 */
import type { BatonError, Clock, LoadReport, WorkerRecord } from "@baton/core";
import { type Circuit, CircuitBreakers, type WorkerCondition, WorkerConditions } from "@baton/routing";
import type { Route } from "./route.ts";

/**
 * How long a worker that refused a request is taken only when there is no other, in ms. The mark is there to spare the
 * next requests the detour; what a full queue needs to drain is known only to the worker.
 */
const OVERLOADED_MS = 1000;

/** How long a report is believed, in ms; workers report once a second at least. */
const REPORT_MS = 3000;

/** How an attempt ended, as far as its workers are concerned. */
export interface AttemptEnd {
  /** The answer is complete. */
  readonly complete: boolean;
  /** What a leg failed with, and whose fault it may be. */
  readonly error: BatonError | undefined;
  readonly suspects: readonly WorkerRecord[];
}

export class WorkerWatch {
  readonly #clock: Clock;
  readonly #circuits = new CircuitBreakers();
  readonly #conditions = new WorkerConditions(this.#circuits);
  /** By epoch. */
  readonly #usedAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An attempt begins; the result is to be told its end. */
  began(route: Pick<Route, "prefill" | "decode">): (end: AttemptEnd) => void {
    const workers = [route.prefill?.worker, route.decode.worker].filter((worker) => worker !== undefined);
    const now = this.#clock.now();
    const calls = workers.map((worker) => ({ worker, call: this.#circuits.began(worker, now) }));
    return ({ complete, error, suspects }) => {
      const at = this.#clock.now();
      for (const worker of workers) this.#usedAt.set(worker.epoch, at);
      for (const { worker, call } of calls) {
        const charge = suspects.includes(worker) ? error?.code : undefined;
        call.ended(charge ?? (complete ? undefined : "canceled"), at);
        if (charge === "overloaded") this.#conditions.refused(worker, at + OVERLOADED_MS);
      }
    };
  }

  /** A worker says how busy it is. */
  reported(worker: WorkerRecord, report: LoadReport): void {
    this.#conditions.reported(worker, report, this.#clock.now() + REPORT_MS);
  }

  /** A worker's reports do not come any more. */
  unheard(worker: WorkerRecord): void {
    this.#conditions.unheard(worker);
  }

  /** What is known of a worker now. */
  of(worker: WorkerRecord): WorkerCondition {
    return this.#conditions.of(worker, this.#clock.now());
  }

  /** State of a worker's circuit now. */
  circuitOf(worker: WorkerRecord): Circuit["kind"] {
    return this.#circuits.of(worker, this.#clock.now()).kind;
  }

  /** Epoch ms at which an attempt last ended on the worker; undefined if none has. */
  usedAt({ epoch }: WorkerRecord): number | undefined {
    return this.#usedAt.get(epoch);
  }

  /** Forgets all workers but these. */
  retain(workers: readonly WorkerRecord[]): void {
    const epochs = new Set(workers.map(({ epoch }) => epoch));
    for (const epoch of this.#usedAt.keys()) if (!epochs.has(epoch)) this.#usedAt.delete(epoch);
    this.#conditions.retain(workers);
  }
}
