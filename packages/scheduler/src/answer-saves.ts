/**
 * Answers that ended, whose KV is still in their pages: what is not yet in the prefix cache of it is copied into blocks,
 * so that a prompt that goes on from there, such as the next turn of a chat, finds it.
 *
 *   A1  Pages are read before anything else of the next step, so before anybody else can be in them.
 *   A2  Only full blocks are saved, and only what fits without making anybody wait: blocks are taken from what is free
 *       or least recently used, after everybody who waits for blocks has had their turn.
 */
import type { BlockId } from "@baton/core";
import { type BlockPool, type HashedTokens, hashTokens } from "@baton/kv-cache";
import type { PageTable } from "./page-map.ts";
import type { Sequence } from "./sequence.ts";
import type { PageSave } from "./step-plan.ts";

/** A save and the blocks that it holds until the step is committed. */
export interface PlannedSave {
  readonly save: PageSave;
  readonly tokens: HashedTokens;
}

export class AnswerSaves {
  readonly #pool: BlockPool;
  /** Pages of sequences that ended since the last step was planned. */
  readonly #ended = new Map<Sequence, PageTable>();

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** A running sequence has ended well; these were its pages. */
  add(sequence: Sequence, table: PageTable): void {
    this.#ended.set(sequence, table);
  }

  /** What is in the pages of this one cannot be trusted. */
  drop(sequence: Sequence): void {
    this.#ended.delete(sequence);
  }

  clear(): void {
    this.#ended.clear();
  }

  /** Takes blocks for all that is worth it; to be called once per step, before pages change hands. */
  plan(): PlannedSave[] {
    const planned = [...this.#ended].flatMap(([sequence, table]) => this.#planOne(sequence, table) ?? []);
    this.#ended.clear();
    return planned;
  }

  /** Gives the blocks back; what they hold stays findable. */
  commit({ save: { blocks }, tokens }: PlannedSave): void {
    this.#pool.retire(blocks, tokens, tokens.tokenIds.length);
  }

  #planOne(sequence: Sequence, table: PageTable): PlannedSave | undefined {
    const { blockSize } = this.#pool;
    const { promptTokenIds } = sequence.spec;
    // The newest token of the answer has no KV yet.
    const computed = promptTokenIds.length + sequence.answer.length - 1;
    const count = Math.floor(computed / blockSize);
    const tokenIds = [...promptTokenIds, ...sequence.answer].slice(0, count * blockSize);
    const tokens = hashTokens(tokenIds, blockSize);
    const shared = this.#pool.lookup(tokens, tokenIds.length);
    if (shared.length === count || !this.#pool.canAllocate(count, shared)) return undefined;
    const blocks: readonly BlockId[] = this.#pool.allocate(count, shared);
    const start = shared.length * blockSize;
    return { save: { pages: table, blocks, start, tokenIds: tokenIds.slice(start) }, tokens };
  }
}
