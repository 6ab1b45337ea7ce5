import type { BlockId } from "@baton/core";
import type { BlockPool } from "@baton/kv-cache";
import type { Sequence } from "./sequence.ts";

/** Receives the block table of a whole prompt, of which the first `cachedTokens` tokens hold their KV already. */
export type Granted = (blocks: readonly BlockId[], cachedTokens: number) => void;

/**
 * Who waits for blocks, first come, first served. A sequence gets all blocks of its prompt or none: nobody holds part
 * of a prompt while waiting for the rest, so two sequences can never wait for each other. A large prompt at the front
 * keeps smaller ones behind it waiting, so it cannot starve.
 */
export class ReservationQueue {
  readonly #pool: BlockPool;
  readonly #waiting = new Map<Sequence, Granted>();

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  has(sequence: Sequence): boolean {
    return this.#waiting.has(sequence);
  }

  /** Queues for the blocks of the prompt; `granted` is called by `serve`. */
  ask(sequence: Sequence, granted: Granted): void {
    this.#waiting.set(sequence, granted);
  }

  /** Queues before everybody else. */
  askFirst(sequence: Sequence, granted: Granted): void {
    const others = [...this.#waiting];
    this.#waiting.clear();
    this.#waiting.set(sequence, granted);
    for (const [other, otherGranted] of others) this.#waiting.set(other, otherGranted);
  }

  /** Leaves the queue, if the sequence is in it. */
  withdraw(sequence: Sequence): void {
    this.#waiting.delete(sequence);
  }

  /** Grants from the front for as long as the pool can. A `granted` may call anything here: the loop sees it. */
  serve(): void {
    for (const [sequence, granted] of this.#waiting) {
      const shared = this.#cachedBlocks(sequence);
      if (!this.#pool.canAllocate(sequence.contextBlocks, shared)) return;
      this.#waiting.delete(sequence);
      const blocks = this.#pool.allocate(sequence.contextBlocks, shared);
      granted(blocks, shared.length * this.#pool.blockSize);
    }
  }

  /**
   * The last token of the context is always computed, or there would be no logits to sample from. KV that comes from elsewhere
   * is written from the first token on, so it must not share anything.
   */
  #cachedBlocks(sequence: Sequence): readonly BlockId[] {
    if (sequence.spec.goal === "decode" && !sequence.recomputes) return [];
    return this.#pool.lookup(sequence.hashedContext, sequence.context.length - 1);
  }
}
