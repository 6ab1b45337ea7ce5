/** How much of one prompt each worker holds: an answer of the index, which later changes do not touch. */
import type { WorkerId, WorkerRecord } from "@baton/core";

/** What the index knows of one worker. */
export interface WorkerOverlap {
  /** Leading blocks of the prompt that the worker holds. */
  readonly promptBlocks: number;
  /** Blocks that the worker holds in all; supposed ones are included. */
  readonly cacheBlocks: number;
}

/** Which worker's figures are where in an answer. */
export type SlotDirectory = ReadonlyMap<WorkerId, { readonly epoch: string; readonly slot: number }>;

const NOTHING: WorkerOverlap = Object.freeze({ promptBlocks: 0, cacheBlocks: 0 });

/** Overlaps by worker; a worker that the index does not know holds nothing. */
export class PromptOverlap {
  readonly #directory: SlotDirectory;
  readonly #promptBlocks: Uint32Array;
  readonly #cacheBlocks: Uint32Array;

  /** For the index. The figures are by slot and must not change any more. */
  constructor(directory: SlotDirectory, promptBlocks: Uint32Array, cacheBlocks: Uint32Array) {
    this.#directory = directory;
    this.#promptBlocks = promptBlocks;
    this.#cacheBlocks = cacheBlocks;
  }

  of({ id, epoch }: Pick<WorkerRecord, "id" | "epoch">): WorkerOverlap {
    const entry = this.#directory.get(id);
    if (entry?.epoch !== epoch) return NOTHING;
    return { promptBlocks: this.#promptBlocks[entry.slot]!, cacheBlocks: this.#cacheBlocks[entry.slot]! };
  }
}
