/**
 * Small numbers for workers: a worker's slot is its bit in every set of holders.
 *
 *   W1  A slot is given to one holder at a time, from take() to retire().
 *   W2  Only live slots are seen by a search, so retiring one takes effect at once and costs nothing.
 *   W3  A retired slot is given again only after every shard of every table was swept of it, one shard a step.
 */
import { type BlockHolders, SHARDS } from "./block-holders.ts";

interface Sweep {
  readonly slots: readonly number[];
  readonly bits: Int32Array;
  nextShard: number;
}

export class WorkerSlots {
  #live = new Int32Array(1);
  #next = 0;
  readonly #free: number[] = [];
  #retired: number[] = [];
  #sweep: Sweep | undefined;

  /** Bits of the live slots; not to be changed by others. */
  get live(): Int32Array {
    return this.#live;
  }

  /** Gives a slot that is not live yet. */
  take(): number {
    const slot = this.#free.pop() ?? this.#next++;
    if (slot >>> 5 >= this.#live.length) this.#live = grown(this.#live);
    return slot;
  }

  /** Lets searches see the slot. */
  enliven(slot: number): void {
    this.#live[slot >>> 5]! |= 1 << slot;
  }

  retire(slot: number): void {
    this.#live[slot >>> 5]! &= ~(1 << slot);
    this.#retired.push(slot);
  }

  /** True while a retired slot waits for sweepStep(). */
  get needsSweep(): boolean {
    return this.#sweep !== undefined || this.#retired.length > 0;
  }

  /** Sweeps one shard of every table, if a retired slot is waiting for it. */
  sweepStep(tables: readonly BlockHolders[]): void {
    this.#sweep ??= this.#startSweep();
    const sweep = this.#sweep;
    if (!sweep) return;
    for (const table of tables) table.forget(sweep.nextShard, sweep.bits);
    if (++sweep.nextShard < SHARDS) return;
    for (const slot of sweep.slots) for (const table of tables) table.reset(slot);
    this.#free.push(...sweep.slots);
    this.#sweep = undefined;
  }

  #startSweep(): Sweep | undefined {
    if (this.#retired.length === 0) return undefined;
    const slots = this.#retired;
    this.#retired = [];
    const bits = new Int32Array(this.#live.length);
    for (const slot of slots) bits[slot >>> 5]! |= 1 << slot;
    return { slots, bits, nextShard: 0 };
  }
}

function grown(words: Int32Array): Int32Array<ArrayBuffer> {
  const wide = new Int32Array(words.length * 2);
  wide.set(words);
  return wide;
}
