/**
 * Which workers hold which blocks. Cut into shards by the names' high bits, so that no growth, widening or sweep of a
 * shard takes longer than a few thousand records' worth of time, however large the whole is.
 */
import type { BlockNames } from "./block-names.ts";
import { BlockShard } from "./block-shard.ts";

const SHARD_BITS = 8;

/** Steps of a full sweep. */
export const SHARDS = 1 << SHARD_BITS;

export class BlockHolders {
  readonly #shards: (BlockShard | undefined)[] = new Array(SHARDS).fill(undefined);
  /** Blocks held, by slot. */
  readonly #held: number[] = [];
  #heldByAll = 0;
  #size = 0;

  /** True if nobody holds anything. */
  get isEmpty(): boolean {
    return this.#heldByAll === 0;
  }

  /** Distinct blocks. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of the tables. */
  get byteLength(): number {
    return this.#shards.reduce((sum, shard) => sum + (shard?.byteLength ?? 0), 0);
  }

  /** How many blocks the worker holds. */
  heldBy(slot: number): number {
    return this.#held[slot] ?? 0;
  }

  /** Adds what each worker holds to `counts`, by slot. */
  addHeld(counts: Uint32Array): void {
    const slots = Math.min(this.#held.length, counts.length);
    for (let slot = 0; slot < slots; slot++) counts[slot]! += this.#held[slot] ?? 0;
  }

  add(names: BlockNames, slot: number): void {
    let added = 0;
    for (let i = 0; i < names.length; i += 2) {
      const shard = this.#shardFor(names[i + 1]!);
      const before = shard.size;
      if (shard.add(names[i]!, names[i + 1]!, slot)) added++;
      this.#size += shard.size - before;
    }
    this.#setHeld(slot, this.heldBy(slot) + added);
  }

  /** Blocks that the worker does not hold are passed over. */
  remove(names: BlockNames, slot: number): void {
    let removed = 0;
    for (let i = 0; i < names.length; i += 2) {
      const shard = this.#shards[shardOf(names[i + 1]!)];
      if (!shard) continue;
      const before = shard.size;
      if (shard.remove(names[i]!, names[i + 1]!, slot)) removed++;
      this.#size += shard.size - before;
    }
    this.#setHeld(slot, this.heldBy(slot) - removed);
  }

  /** Adds the holders of the block to the set of `words` words at `sets[at]`. */
  addHolders(low: number, high: number, sets: Int32Array, at: number, words: number): void {
    this.#shards[shardOf(high)]?.addHolders(low, high, sets, at, words);
  }

  /** Takes the workers whose bits are set in `slots` out of one shard; over all shards this frees their slots. */
  forget(shard: number, slots: Int32Array): void {
    const before = this.#shards[shard]?.size ?? 0;
    this.#shards[shard]?.forget(slots);
    this.#size += (this.#shards[shard]?.size ?? 0) - before;
  }

  /** Says that a slot whose worker was forgotten may be given to another. */
  reset(slot: number): void {
    this.#setHeld(slot, 0);
  }

  #setHeld(slot: number, blocks: number): void {
    this.#heldByAll += blocks - this.heldBy(slot);
    this.#held[slot] = blocks;
  }

  #shardFor(high: number): BlockShard {
    const index = shardOf(high);
    this.#shards[index] ??= new BlockShard();
    return this.#shards[index];
  }
}

function shardOf(high: number): number {
  return high >>> (32 - SHARD_BITS);
}
