/**
 * Owns the memory in which prompts are computed: one sequence at a time, `[kvHeads][P][headDim]` per plane, in which
 * GroupQueryAttention appends each chunk in place.
 *
 *   W1  Tokens [0, #tokens) of sequence #sequenceId are in the workspace and equal what its blocks hold.
 *   W2  P is the same for all chunks of a sequence: it follows from the length of its prompt.
 */
import type { KvMemory } from "@baton/kv-cache";
import { copyBlocksToRows, copyRowsToBlocks, type KvRows, newRows, rowElements } from "./kv-rows.ts";
import type { RunnerChunk } from "./model-runner.ts";
import { roundUp } from "./round-up.ts";

/** P grows in steps of so many tokens, so that prompts of about the same length share one shape. */
const LENGTH_STEP = 256;

/** The KV of the prompt that was computed last. */
export class PrefillWorkspace {
  readonly #memory: KvMemory;
  /** As long as the longest prompt so far; a shorter one uses the front of each plane. */
  #space: KvRows;
  #sequenceId: string | undefined;
  #tokens = 0;

  constructor(memory: KvMemory) {
    this.#memory = memory;
    this.#space = newRows(memory.layout, 0);
  }

  /** Rows that hold the tokens before the chunk: still there from the last chunk, else loaded from the blocks. */
  open(chunk: RunnerChunk): KvRows {
    const rows = this.#rowsFor(chunk.promptTokens);
    if (this.#sequenceId !== chunk.sequenceId || this.#tokens !== chunk.start) {
      copyBlocksToRows(this.#memory, { blocks: chunk.blocks, start: 0, end: chunk.start }, rows);
    }
    this.#sequenceId = undefined; // Until the chunk is complete, what follows `start` is unfinished (W1).
    return rows;
  }

  /** The graph has appended the chunk to the rows: saves it to its blocks. */
  close(chunk: RunnerChunk, rows: KvRows): void {
    const end = chunk.start + chunk.tokenIds.length;
    copyRowsToBlocks(rows, this.#memory, { blocks: chunk.blocks, start: chunk.start, end });
    this.#sequenceId = chunk.sequenceId;
    this.#tokens = end;
  }

  #rowsFor(promptTokens: number): KvRows {
    const length = roundUp(promptTokens, LENGTH_STEP);
    if (this.#space.length < length) {
      this.#space = newRows(this.#memory.layout, length);
      this.#sequenceId = undefined;
    }
    const elements = rowElements(this.#memory.layout, length);
    const planes = this.#space.planes.map((plane) => plane.subarray(0, elements));
    return { planes, offset: 0, length };
  }
}
