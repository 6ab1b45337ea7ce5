import { type BlockId, type KvLayout, kvBytesPerBlock } from "@baton/core";

/**
 * The bytes of all KV blocks of a worker, in memory that the main thread (sockets) and the engine thread (the model)
 * share. Block b lies at byte `b * kvBytesPerBlock(layout)`; its inside is described at `KvLayout`.
 * Who may touch a block is decided by the block pool; this class only finds it.
 */
export class KvMemory {
  readonly layout: KvLayout;
  readonly blocks: number;
  readonly buffer: SharedArrayBuffer;
  readonly #blockBytes: number;

  /** Uses `buffer` if given (the other thread's view of the same memory), else allocates. Pages are only used once touched. */
  constructor(layout: KvLayout, blocks: number, buffer?: SharedArrayBuffer) {
    this.layout = layout;
    this.blocks = blocks;
    this.#blockBytes = kvBytesPerBlock(layout);
    this.buffer = buffer ?? new SharedArrayBuffer(blocks * this.#blockBytes);
    if (this.buffer.byteLength !== blocks * this.#blockBytes) {
      throw new RangeError(
        `Cannot lay ${blocks} KV blocks over ${this.buffer.byteLength} bytes: expected ${blocks * this.#blockBytes}`,
      );
    }
  }

  /** The bytes of one block; a view, not a copy. */
  bytes(block: BlockId): Uint8Array {
    return new Uint8Array(this.buffer, block * this.#blockBytes, this.#blockBytes);
  }

  /** The elements of one block, `[layers][2][kvHeads][blockSize][headDim]`; a view, not a copy. */
  floats(block: BlockId): Float32Array {
    return new Float32Array(this.buffer, block * this.#blockBytes, this.#blockBytes / 4);
  }
}
