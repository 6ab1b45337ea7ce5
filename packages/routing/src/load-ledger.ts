/**
 * Counts what the router has in flight on each worker. The only writer of these figures: workers do not report them,
 * so that requests of one burst see each other.
 *
 *   L1  A reservation counts from reserve() to its first release(); what comes after that changes nothing.
 *   L2  A worker without reservations has no entry: a worker that left leaves nothing behind.
 *   L3  Prefill tokens stop counting at prefillEnded() or release(), whichever comes first.
 */
import type { WorkerRecord } from "@baton/core";
import type { WorkerCondition } from "./worker-conditions.ts";
import type { RoutableWorker, WorkerLoad, WorkerView } from "./worker-view.ts";

/** A share of a worker's load; its holder releases it when the leg has ended. */
export interface Reservation {
  /** The prompt is computed: its tokens no longer count. */
  prefillEnded(): void;
  /** The sequence holds that many more blocks. */
  grow(blocks: number): void;
  release(): void;
}

/** What one leg of a request keeps busy on a worker. */
export type LegLoad = Omit<WorkerLoad, "requests">;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const IDLE: WorkerLoad = Object.freeze({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });

/** The loads of all workers, by worker and epoch: a restarted worker starts from nothing. */
export class LoadLedger {
  readonly #loads = new Map<string, Mutable<WorkerLoad>>();

  /** Adds one leg to a worker's load. */
  reserve(worker: WorkerRecord, leg: LegLoad): Reservation {
    const key = keyOf(worker);
    const load = this.#loads.get(key) ?? { ...IDLE };
    this.#loads.set(key, load);
    const held = { ...leg };
    let open = true;
    load.requests += 1;
    load.prefillTokens += held.prefillTokens;
    load.decodeBlocks += held.decodeBlocks;

    const prefillEnded = (): void => {
      load.prefillTokens -= held.prefillTokens;
      held.prefillTokens = 0;
    };
    return {
      prefillEnded,
      grow(blocks) {
        if (!open) return;
        held.decodeBlocks += blocks;
        load.decodeBlocks += blocks;
      },
      release: () => {
        if (!open) return;
        open = false;
        prefillEnded();
        load.decodeBlocks -= held.decodeBlocks;
        load.requests -= 1;
        if (load.requests === 0) this.#loads.delete(key);
      },
    };
  }

  /** A frozen view of these workers with their loads of this moment, and what else is known of them. */
  view(workers: readonly WorkerRecord[], condition?: (worker: WorkerRecord) => WorkerCondition): WorkerView {
    const routable = workers.map((record): RoutableWorker => {
      const load = this.#loads.get(keyOf(record));
      return Object.freeze({
        record,
        load: load ? Object.freeze({ ...load }) : IDLE,
        ...condition?.(record),
      });
    });
    return Object.freeze(routable);
  }
}

function keyOf(worker: WorkerRecord): string {
  return `${worker.id}/${worker.epoch}`;
}
