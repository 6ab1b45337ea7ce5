// Which block holds the KV of which tokens: a tree of blocks, found by sequence hash.
//
// A hash only proposes. A block is found if its own token ids and its parent block are the expected ones, and the same
// was checked of the parent, so a match is exact: two prompts whose hashes collide never share KV. That costs one
// comparison per block and four bytes per token.

import type { BlockId } from "@baton/core";
import type { HashedTokens } from "./block-hash.ts";

/** A block that can be found. */
export interface IndexedBlock {
  readonly block: BlockId;
  readonly sequenceHash: bigint;
  /** The block of the tokens before; undefined for the first block of a sequence. */
  readonly parent: BlockId | undefined;
  readonly tokenIds: Uint32Array;
}

export class PrefixIndex {
  readonly #blockSize: number;
  readonly #byHash = new Map<bigint, IndexedBlock>();
  readonly #byBlock = new Map<BlockId, IndexedBlock>();

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  get(block: BlockId): IndexedBlock | undefined {
    return this.#byBlock.get(block);
  }

  has(block: BlockId): boolean {
    return this.#byBlock.has(block);
  }

  /** Every block that can be found, in the order in which they came: parents before children. */
  values(): Iterable<IndexedBlock> {
    return this.#byBlock.values();
  }

  /** The blocks of the longest known prefix of `tokens`, at most `limit` blocks. */
  longestPrefix(tokens: HashedTokens, limit: number): BlockId[] {
    const found: BlockId[] = [];
    while (found.length < limit) {
      const next = this.find(tokens, found.length, found.at(-1));
      if (next === undefined) break;
      found.push(next);
    }
    return found;
  }

  /** The block that holds block number `index` of `tokens`, given the block that holds the one before. */
  find(tokens: HashedTokens, index: number, parent: BlockId | undefined): BlockId | undefined {
    const hash = tokens.sequenceHashes[index];
    const candidate = hash === undefined ? undefined : this.#byHash.get(hash);
    if (candidate === undefined || candidate.parent !== parent) return undefined;
    const offset = index * this.#blockSize;
    return candidate.tokenIds.every((id, i) => id === tokens.tokenIds[offset + i])
      ? candidate.block
      : undefined;
  }

  /** True if block number `index` of `tokens` is not taken: neither by the same tokens nor by a colliding hash. */
  canInsert(tokens: HashedTokens, index: number): boolean {
    return !this.#byHash.has(tokens.sequenceHashes[index]!);
  }

  /** Makes `block` findable as block number `index` of `tokens`, below `parent`. */
  insert(tokens: HashedTokens, index: number, parent: BlockId | undefined, block: BlockId): void {
    const offset = index * this.#blockSize;
    const entry: IndexedBlock = {
      block,
      sequenceHash: tokens.sequenceHashes[index]!,
      parent,
      tokenIds: Uint32Array.from(tokens.tokenIds.slice(offset, offset + this.#blockSize)),
    };
    this.#byHash.set(entry.sequenceHash, entry);
    this.#byBlock.set(block, entry);
  }

  /** Makes `block` unfindable; it must have no findable child, or that child could no longer be verified. Returns its name. */
  remove(block: BlockId): bigint | undefined {
    const entry = this.#byBlock.get(block);
    if (entry === undefined) return undefined;
    this.#byHash.delete(entry.sequenceHash);
    this.#byBlock.delete(block);
    return entry.sequenceHash;
  }
}
