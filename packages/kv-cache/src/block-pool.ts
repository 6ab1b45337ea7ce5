// Who owns which KV block, and which blocks are worth keeping after their owner left.
//
// Owns reference counts, the free list and the prefix cache; knows nothing of bytes (KvMemory) or of sequences
// (scheduler). A table is the list of blocks of one sequence, in the order of its tokens.
//
//   P1  Every block is in exactly one state: free, cached or used; free + cached + used = total.
//   P2  Used: held by at least one table. Cached: held by none, findable. Free: held by none, not findable.
//   P3  Whoever holds a findable block holds the blocks before it too, so a findable block has at least as many
//       holders as its children together, and a cached block has only cached children.
//   P4  Cached blocks are queued children before parents: the oldest is always a leaf. Evicting it never leaves a
//       findable block whose parent is gone.
//   P5  The content of a findable block is final: it is read by several tables and written by none.
//   P6  The observer is told of every change of what is findable, in order: parents before children when they come,
//       children before parents when they go.

import { BatonError, type BlockId, blockId } from "@baton/core";
import type { HashedTokens } from "./block-hash.ts";
import { BlockList } from "./block-list.ts";
import type { PrefixCache, PrefixCacheObserver } from "./prefix-cache.ts";
import { PrefixIndex } from "./prefix-index.ts";

/** Blocks by state. */
export interface BlockPoolStatus {
  readonly total: number;
  readonly free: number;
  readonly cached: number;
  readonly used: number;
}

/** Size of a pool. */
export interface BlockPoolSize {
  readonly blocks: number;
  /** Tokens per block. */
  readonly blockSize: number;
}

export class BlockPool implements PrefixCache {
  readonly blocks: number;
  /** Tokens per block. */
  readonly blockSize: number;
  readonly #holders: Uint32Array;
  readonly #free: BlockId[];
  /** From the least to the most recently used. */
  readonly #cached: BlockList;
  readonly #index: PrefixIndex;
  #observer: PrefixCacheObserver | undefined;

  /** All blocks free. */
  constructor({ blocks, blockSize }: BlockPoolSize) {
    this.blocks = blocks;
    this.blockSize = blockSize;
    this.#holders = new Uint32Array(blocks);
    // Taken from the end: low numbers first, and what was just freed (and is warm in the CPU's cache) again first.
    this.#free = Array.from({ length: blocks }, (_, i) => blockId(blocks - 1 - i));
    this.#cached = new BlockList(blocks);
    this.#index = new PrefixIndex(blockSize);
  }

  /**
   * The blocks that hold the KV of the longest known prefix of `tokens`, whole blocks within `maxTokens` only.
   * Changes nothing; the answer is good until the next command.
   */
  lookup(tokens: HashedTokens, maxTokens: number): readonly BlockId[] {
    return this.#index.longestPrefix(tokens, Math.floor(maxTokens / this.blockSize));
  }

  /** Whether a table of `count` blocks that begins with the blocks of a `lookup` can be had now. */
  canAllocate(count: number, shared: readonly BlockId[] = []): boolean {
    const revived = shared.filter((block) => this.#holders[block] === 0).length;
    return count - shared.length + revived <= this.#free.length + this.#cached.size;
  }

  /**
   * Takes a table of `count` blocks that begins with the blocks of a `lookup`; evicts cached blocks, least recently
   * used first, where free ones run out. The caller owns the table until `release` or `retire`, and may write to the
   * blocks after the shared ones only.
   * @throws BatonError `internal` if `canAllocate` says no.
   */
  allocate(count: number, shared: readonly BlockId[] = []): readonly BlockId[] {
    if (!this.canAllocate(count, shared)) {
      const available = this.#free.length + this.#cached.size;
      throw new BatonError("internal", `Cannot allocate ${count} blocks: ${available} are available`);
    }
    // Shared blocks first, or making room for the others could evict them.
    for (const block of shared) this.#hold(block);
    const fresh = Array.from({ length: count - shared.length }, () => this.#takeFree());
    return [...shared, ...fresh];
  }

  /**
   * Gives a table back without keeping its content (blocks that were findable before stay so).
   * @throws BatonError `internal` if a block has no holder.
   */
  release(table: readonly BlockId[]): void {
    // Last block first: children queue before their parents (P4).
    for (const block of table.toReversed()) this.#letGo(block);
  }

  /**
   * Gives a table back and keeps its full blocks findable, as far as the first `finalTokens` tokens reach, which are
   * those of `tokens`. Blocks whose content is already findable elsewhere are freed.
   */
  retire(table: readonly BlockId[], tokens: HashedTokens, finalTokens: number): void {
    const kept = this.#publish(table, tokens, Math.floor(finalTokens / this.blockSize));
    this.release([...kept, ...table.slice(kept.length)]);
  }

  forgetCached(): number {
    const forgotten = this.#cached.size;
    for (let block = this.#cached.shift(); block !== undefined; block = this.#cached.shift())
      this.#forget(block);
    if (forgotten === 0) return 0;
    // One word for all of them, then what is left.
    this.#observer?.cleared();
    for (const { sequenceHash } of this.#index.values()) this.#observer?.stored(sequenceHash);
    return forgotten;
  }

  names(): BigUint64Array<ArrayBuffer> {
    return BigUint64Array.from(this.#index.values(), ({ sequenceHash }) => sequenceHash);
  }

  observe(observer: PrefixCacheObserver): void {
    this.#observer = observer;
  }

  status(): BlockPoolStatus {
    const free = this.#free.length;
    const cached = this.#cached.size;
    return { total: this.blocks, free, cached, used: this.blocks - free - cached };
  }

  /** Checks P1 to P4 over all blocks; for tests, O(blocks). Throws BatonError `internal` naming what is broken. */
  assertConsistent(): void {
    const free = new Set(this.#free);
    check(free.size === this.#free.length, "P1: a block is free twice");
    for (let i = 0; i < this.blocks; i++) this.#checkState(blockId(i), free.has(blockId(i)));
    this.#checkHolders();
    this.#checkEvictionOrder();
  }

  /** Makes the first `count` blocks findable; returns the table with the findable twin in place of each duplicate. */
  #publish(table: readonly BlockId[], tokens: HashedTokens, count: number): readonly BlockId[] {
    const kept: BlockId[] = [];
    for (let i = 0; i < count; i++) {
      const own = table[i]!;
      const known = this.#index.find(tokens, i, kept.at(-1));
      if (known === undefined) {
        // Other tokens with the same hash: what follows could not be told apart, so it is not kept.
        if (!this.#index.canInsert(tokens, i)) break;
        this.#index.insert(tokens, i, kept.at(-1), own);
        this.#observer?.stored(tokens.sequenceHashes[i]!);
      } else if (known !== own) {
        // Two sequences computed the same block side by side. Holding the twin keeps P3 and P4 for what comes after it.
        this.#hold(known);
        this.#letGo(own);
      }
      kept.push(known ?? own);
    }
    return kept;
  }

  #hold(block: BlockId): void {
    if (this.#holders[block] === 0) this.#cached.remove(block);
    this.#holders[block]! += 1;
  }

  #letGo(block: BlockId): void {
    if (!(this.#holders[block]! > 0)) {
      throw new BatonError("internal", `Cannot release block "${block}": nobody holds it`);
    }
    this.#holders[block]! -= 1;
    if (this.#holders[block]! > 0) return;
    if (this.#index.has(block)) this.#cached.push(block);
    else this.#free.push(block);
  }

  #takeFree(): BlockId {
    if (this.#free.length === 0) this.#evict();
    const block = this.#free.pop()!;
    this.#holders[block] = 1;
    return block;
  }

  #evict(): void {
    const name = this.#forget(this.#cached.shift()!);
    if (name !== undefined) this.#observer?.removed(name);
  }

  /** Frees a block that was cached; returns its name. */
  #forget(cached: BlockId): bigint | undefined {
    const name = this.#index.remove(cached);
    this.#free.push(cached);
    return name;
  }

  #checkState(block: BlockId, free: boolean): void {
    const used = this.#holders[block]! > 0;
    const cached = this.#cached.has(block);
    check(
      Number(free) + Number(cached) + Number(used) === 1,
      `P1: block ${block} is not in exactly one state`,
    );
    check(!cached || this.#index.has(block), `P2: cached block ${block} cannot be found`);
    check(!free || !this.#index.has(block), `P2: free block ${block} can be found`);
  }

  #checkHolders(): void {
    const childHolders = new Map<BlockId, number>();
    for (const { block, parent } of this.#index.values()) {
      if (parent === undefined) continue;
      check(this.#index.has(parent), `P4: the parent of block ${block} is gone`);
      childHolders.set(parent, (childHolders.get(parent) ?? 0) + this.#holders[block]!);
    }
    for (const [parent, holders] of childHolders) {
      check(this.#holders[parent]! >= holders, `P3: block ${parent} has fewer holders than its children`);
    }
  }

  #checkEvictionOrder(): void {
    const passed = new Set<BlockId>();
    for (const block of this.#cached) {
      const parent = this.#index.get(block)?.parent;
      check(parent === undefined || !passed.has(parent), `P4: block ${block} queues behind its parent`);
      passed.add(block);
    }
  }
}

function check(holds: boolean, problem: string): void {
  if (!holds) throw new BatonError("internal", `Block pool is inconsistent: ${problem}`);
}
