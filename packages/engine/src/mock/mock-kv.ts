/**
 * The KV of a mock: 8 bytes a token. K is the state of the sequence after the token, V the token itself, so KV proves
 * itself: each K must follow from the K before it and its V, whoever computed it and whichever way it came here.
 */
import { BatonError, type BlockId, type KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import type { MockTokens } from "./mock-tokens.ts";

/** The smallest KV there can be, named as that of a mock of the model whose hash is given. */
export function mockLayout(modelHash: string, blockSize: number): KvLayout {
  return { layers: 1, kvHeads: 1, headDim: 1, dtype: "float32", blockSize, modelHash };
}

/** Part of a sequence in blocks. */
interface Range {
  readonly blocks: readonly BlockId[];
  /** Tokens [start, end). */
  readonly start: number;
  readonly end: number;
}

export class MockKv {
  readonly #tokens: MockTokens;
  readonly #blockSize: number;
  /** All blocks as 32-bit words: in each, K of its tokens and then V. */
  readonly #words: Int32Array;

  constructor(memory: KvMemory, tokens: MockTokens) {
    this.#tokens = tokens;
    this.#blockSize = memory.layout.blockSize;
    this.#words = new Int32Array(memory.buffer);
  }

  /** State of the sequence in `blocks` after its first `count` tokens, taken from the last of them. */
  stateAt(blocks: readonly BlockId[], count: number): number {
    return count === 0 ? this.#tokens.start : this.#words[this.#keyAt(blocks, count - 1)]!;
  }

  /** Writes the KV of `tokenIds` from position `start` on; returns the state after them. */
  write(blocks: readonly BlockId[], start: number, tokenIds: readonly number[]): number {
    let state = this.stateAt(blocks, start);
    for (let i = 0; i < tokenIds.length; i++) {
      const key = this.#keyAt(blocks, start + i);
      state = this.#tokens.after(state, tokenIds[i]!);
      this.#words[key] = state;
      this.#words[key + this.#blockSize] = tokenIds[i]!;
    }
    return state;
  }

  /**
   * Checks the KV of the first `count` tokens and returns the state after them.
   * @throws BatonError `internal` naming the first token whose KV does not follow from what is before it.
   */
  verify(blocks: readonly BlockId[], count: number): number {
    return this.#verify({ blocks, start: 0, end: count });
  }

  /** Checks the last block of the first `count` tokens only. @throws BatonError as `verify` does. */
  verifyLastBlock(blocks: readonly BlockId[], count: number): void {
    const start = Math.max(0, Math.ceil(count / this.#blockSize) - 1) * this.#blockSize;
    this.#verify({ blocks, start, end: count });
  }

  #verify({ blocks, start, end }: Range): number {
    let state = this.stateAt(blocks, start);
    for (let position = start; position < end; position++) {
      const key = this.#keyAt(blocks, position);
      state = this.#tokens.after(state, this.#words[key + this.#blockSize]!);
      if (this.#words[key] !== state)
        throw wrongKv(position, blocks[Math.floor(position / this.#blockSize)]!);
    }
    return state;
  }

  #keyAt(blocks: readonly BlockId[], position: number): number {
    const block = blocks[Math.floor(position / this.#blockSize)]!;
    return block * 2 * this.#blockSize + (position % this.#blockSize);
  }
}

function wrongKv(position: number, block: BlockId): BatonError {
  return new BatonError(
    "internal",
    `Cannot use the KV of token "${position}": in block ${block} it does not follow from the tokens before it`,
  );
}
