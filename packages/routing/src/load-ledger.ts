/**
 * Counts what the router has in flight on each worker.
 *
 *   L1  A reservation is counted from reserve() to its first release(); further releases change nothing.
 *   L2  A worker without reservations has no entry: a worker that left leaves nothing behind.
 */
import type { WorkerRecord } from "@baton/core";
import type { RoutableWorker, WorkerLoad, WorkerView } from "./worker-view.ts";

/** A share of a worker's load; its holder releases it when the leg has ended. */
export interface Reservation {
  release(): void;
}

/** The blocks that one leg of a request keeps busy on a worker. */
export type LegLoad = Omit<WorkerLoad, "requests">;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const IDLE: WorkerLoad = Object.freeze({ requests: 0, prefillBlocks: 0, decodeBlocks: 0 });

/** The loads of all workers, by worker and epoch: a restarted worker starts from nothing. */
export class LoadLedger {
  readonly #loads = new Map<string, Mutable<WorkerLoad>>();

  /** Adds one leg to a worker's load. */
  reserve(worker: WorkerRecord, leg: LegLoad): Reservation {
    const key = keyOf(worker);
    const load = this.#loads.get(key) ?? { ...IDLE };
    this.#loads.set(key, load);
    add(load, leg, 1);
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        add(load, leg, -1);
        if (load.requests === 0) this.#loads.delete(key);
      },
    };
  }

  /** A frozen view of these workers with their loads of this moment. */
  view(workers: readonly WorkerRecord[]): WorkerView {
    const routable = workers.map((record): RoutableWorker => {
      const load = this.#loads.get(keyOf(record));
      return Object.freeze({ record, load: load ? Object.freeze({ ...load }) : IDLE });
    });
    return Object.freeze(routable);
  }
}

function keyOf(worker: WorkerRecord): string {
  return `${worker.id}/${worker.epoch}`;
}

function add(load: Mutable<WorkerLoad>, leg: LegLoad, sign: 1 | -1): void {
  load.requests += sign;
  load.prefillBlocks += sign * leg.prefillBlocks;
  load.decodeBlocks += sign * leg.decodeBlocks;
}
