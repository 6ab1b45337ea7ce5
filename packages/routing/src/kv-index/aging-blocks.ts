/**
 * Blocks that are only supposed to be held, and only for a time.
 *
 * Two generations instead of a time stamp per block: what is added goes to the young one; when that is one TTL old it
 * becomes the old one, and what was old is dropped as a whole. So a block lives for one to two TTLs after it was last
 * added, costs nothing to expire, and the memory has a bound: a young generation that is full ages early.
 */
import { BlockHolders } from "./block-holders.ts";
import type { BlockNames } from "./block-names.ts";

/** How long blocks are remembered, and how many. */
export interface AgingLimits {
  /** A block is remembered for at least this long after it was last added, and at most twice as long, in ms. */
  readonly ttlMs: number;
  /** Distinct blocks; beyond this the older half goes early. */
  readonly maxBlocks: number;
}

export class AgingBlocks {
  readonly #limits: AgingLimits;
  #young = new BlockHolders();
  #old = new BlockHolders();
  #youngSince = Number.NEGATIVE_INFINITY;

  constructor(limits: AgingLimits) {
    this.#limits = limits;
  }

  /** To be searched as one; a block may be in both. */
  get generations(): readonly BlockHolders[] {
    return [this.#young, this.#old];
  }

  add(names: BlockNames, slot: number, now: number): void {
    this.advance(now);
    if (this.#young.size >= this.#limits.maxBlocks / 2) this.#age(now);
    this.#young.add(names, slot);
  }

  /** Blocks that the worker is known not to hold any more. */
  remove(names: BlockNames, slot: number): void {
    for (const generation of this.generations) if (!generation.isEmpty) generation.remove(names, slot);
  }

  /** Drops what is too old at `now` (epoch ms). */
  advance(now: number): void {
    const { ttlMs } = this.#limits;
    if (now - this.#youngSince < ttlMs) return;
    if (now - this.#youngSince >= 2 * ttlMs) this.#young = new BlockHolders();
    this.#age(now);
  }

  #age(now: number): void {
    this.#old = this.#young;
    this.#young = new BlockHolders();
    this.#youngSince = now;
  }
}
