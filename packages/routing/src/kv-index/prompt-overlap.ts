/** How much of one prompt each worker holds: an answer of the index, which later changes do not touch. */
import type { WorkerId, WorkerRecord } from "@baton/core";

/** What the index knows of one worker. */
export interface WorkerOverlap {
  /** Leading blocks of the prompt that the worker holds. */
  readonly promptBlocks: number;
  /** Blocks that the worker holds in all; supposed ones are included. */
  readonly cacheBlocks: number;
}

const NOTHING: WorkerOverlap = Object.freeze({ promptBlocks: 0, cacheBlocks: 0 });

/** Overlaps by worker; a worker that the index does not know holds nothing. */
export class PromptOverlap {
  readonly #workers = new Map<WorkerId, WorkerOverlap & { readonly epoch: string }>();

  /** For the index, which fills it. */
  set(id: WorkerId, overlap: WorkerOverlap & { readonly epoch: string }): void {
    this.#workers.set(id, overlap);
  }

  of({ id, epoch }: Pick<WorkerRecord, "id" | "epoch">): WorkerOverlap {
    const known = this.#workers.get(id);
    return known?.epoch === epoch ? known : NOTHING;
  }
}
