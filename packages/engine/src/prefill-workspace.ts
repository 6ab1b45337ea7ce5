/**
 * Owns the memory in which prompts are computed: one sequence at a time, `[kvHeads][P][headDim]` per plane, in which
 * GroupQueryAttention appends each chunk in place.
 *
 *   W1  Tokens [0, #tokens) of sequence #sequenceId are in the workspace, in rows of #length, and equal what its blocks hold.
 *   W2  P follows from where the chunk ends, and is never more than the prompt needs: the runtime copies P tokens of every
 *       plane with each chunk. It doubles as the prompt goes on, so tokens are moved to longer rows less than once each.
 */
import type { KvMemory } from "@baton/kv-cache";
import type { ChunkStop } from "./chunk-stop.ts";
import { copyBlocksToRows, copyRowsToBlocks, type KvRows, newRows, rowElements } from "./kv-rows.ts";
import type { RunnerChunk } from "./model-runner.ts";
import { roundUp } from "./round-up.ts";

/** The shortest P; every P is a multiple of it, so that prompts of about the same length share one shape. */
const LENGTH_STEP = 256;

/** Tokens that are loaded between two looks at whether anybody still wants them: at 45 KiB a token 3 ms. */
const LOAD_STEP = 256;

/** The KV of the prompt that was computed last. */
export class PrefillWorkspace {
  readonly #memory: KvMemory;
  /** As long as the longest prompt so far; a shorter one uses the front of each plane. */
  #space: KvRows;
  #sequenceId: string | undefined;
  #tokens = 0;
  #length = 0;

  constructor(memory: KvMemory) {
    this.#memory = memory;
    this.#space = newRows(memory.layout, 0);
  }

  /**
   * Rows that hold the tokens before the chunk: still there from the last chunk, else loaded from the blocks. Undefined if
   * the chunk is stopped meanwhile.
   */
  open(chunk: RunnerChunk, stop: ChunkStop): KvRows | undefined {
    const rows = this.#rowsFor(chunk);
    const isThere = this.#sequenceId === chunk.sequenceId && this.#tokens === chunk.start;
    this.#sequenceId = undefined; // Until the chunk is complete, what follows `start` is unfinished (W1).
    if (isThere && this.#length === rows.length) return rows;
    return this.#load(chunk, rows, stop) ? rows : undefined;
  }

  /** The graph has appended the chunk to the rows: saves it to its blocks. */
  close(chunk: RunnerChunk, rows: KvRows): void {
    const end = chunk.start + chunk.tokenIds.length;
    copyRowsToBlocks(rows, this.#memory, { blocks: chunk.blocks, start: chunk.start, end });
    this.#sequenceId = chunk.sequenceId;
    this.#tokens = end;
    this.#length = rows.length;
  }

  /** Returns false if the chunk is stopped on the way. */
  #load({ blocks, start }: RunnerChunk, rows: KvRows, stop: ChunkStop): boolean {
    for (let token = 0; token < start && !stop.isSet; token += LOAD_STEP) {
      const end = Math.min(token + LOAD_STEP, start);
      copyBlocksToRows(this.#memory, { blocks, start: token, end }, rows);
    }
    return !stop.isSet;
  }

  #rowsFor({ promptTokens, start, tokenIds }: RunnerChunk): KvRows {
    const longest = roundUp(promptTokens, LENGTH_STEP);
    // All that the prompt will need at once: what is taken in pieces is held twice.
    if (this.#space.length < longest) {
      this.#space = newRows(this.#memory.layout, longest);
      this.#sequenceId = undefined;
    }
    const length = Math.min(longest, lengthFor(start + tokenIds.length));
    const elements = rowElements(this.#memory.layout, length);
    const planes = this.#space.planes.map((plane) => plane.subarray(0, elements));
    return { planes, offset: 0, length };
  }
}

/** 256, 512, 1024 …: each is used until the prompt has reached it. */
function lengthFor(tokens: number): number {
  return Math.max(LENGTH_STEP, 2 ** Math.ceil(Math.log2(tokens)));
}
