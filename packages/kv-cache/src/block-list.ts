import { type BlockId, blockId } from "@baton/core";

/**
 * Blocks in order of arrival, each at most once; adding, removing from anywhere and taking the oldest are all O(1).
 * A doubly linked list whose links lie in two arrays indexed by block, closed by a sentinel at index `blocks`.
 */
export class BlockList {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #sentinel: number;
  #size = 0;

  /** An empty list for blocks 0 … blocks-1. */
  constructor(blocks: number) {
    this.#sentinel = blocks;
    this.#next = new Int32Array(blocks + 1).fill(ABSENT);
    this.#previous = new Int32Array(blocks + 1).fill(ABSENT);
    this.#next[blocks] = blocks;
    this.#previous[blocks] = blocks;
  }

  get size(): number {
    return this.#size;
  }

  has(block: BlockId): boolean {
    return this.#next[block] !== ABSENT;
  }

  /** Appends a block that is not in the list. */
  push(block: BlockId): void {
    const last = this.#previous[this.#sentinel]!;
    this.#link(last, block);
    this.#link(block, this.#sentinel);
    this.#size++;
  }

  /** Takes out a block that is in the list. */
  remove(block: BlockId): void {
    this.#link(this.#previous[block]!, this.#next[block]!);
    this.#next[block] = ABSENT;
    this.#previous[block] = ABSENT;
    this.#size--;
  }

  /** Takes out the block that has been in the list for longest, or returns undefined when it is empty. */
  shift(): BlockId | undefined {
    if (this.#size === 0) return undefined;
    const first = blockId(this.#next[this.#sentinel]!);
    this.remove(first);
    return first;
  }

  /** From the oldest to the newest; the list must not change meanwhile. */
  *[Symbol.iterator](): Generator<BlockId> {
    for (let at = this.#next[this.#sentinel]!; at !== this.#sentinel; at = this.#next[at]!) yield blockId(at);
  }

  #link(before: number, after: number): void {
    this.#next[before] = after;
    this.#previous[after] = before;
  }
}

const ABSENT = -1;
