import type { SchedulerLimits } from "./scheduler-api.ts";
import type { Sequence } from "./sequence.ts";
import type { PrefillChunk } from "./step-plan.ts";

/** A chunk and whose it is. */
export interface PlannedChunk {
  readonly sequence: Sequence;
  readonly chunk: PrefillChunk;
}

/**
 * Prompts that hold their blocks and have tokens left to compute, in the order of their turns. A turn is one chunk;
 * after it a prompt queues again, behind whatever arrived meanwhile.
 *
 *   Q1  A step begins with the first of the queue, or with prompts that their turn completes; but never twice in a row
 *       with others than the first. So a turn is put off by one step at most, whatever arrives, and a prompt of one
 *       chunk waits for two steps and those who came before it with one chunk left, never for a turn of every long one.
 *   Q2  Prompts with one chunk left are served first come, first served, and so are those with more.
 *
 * A sequence whose chunk is in the step in flight is not in this queue: the scheduler adds it again on commit.
 */
export class PrefillQueue {
  readonly #chunkTokens: number;
  readonly #stepTokens: number;
  readonly #turns = new Set<Sequence>();
  /** Those of them that have one chunk left. */
  readonly #last = new Set<Sequence>();
  /** The first of the queue was not in the step before. */
  #wasOvertaken = false;

  constructor(limits: Pick<SchedulerLimits, "chunkTokens" | "stepPrefillTokens">) {
    this.#stepTokens = limits.stepPrefillTokens;
    this.#chunkTokens = Math.min(limits.chunkTokens, limits.stepPrefillTokens);
  }

  /** Queues a prefilling sequence for its next chunk. */
  add(sequence: Sequence): void {
    this.#turns.add(sequence);
    if (sequence.uncomputedTokens <= this.#chunkTokens) this.#last.add(sequence);
  }

  /** Returns false if the sequence was not queued: its chunk is in the step in flight. */
  remove(sequence: Sequence): boolean {
    this.#last.delete(sequence);
    return this.#turns.delete(sequence);
  }

  /**
   * Takes the next step's chunks out of the queue, at most one per sequence. A chunk that no longer fits is not cut
   * but comes first in the next step: every chunk costs a pass over the weights, however short it is.
   */
  take(): PlannedChunk[] {
    const planned: PlannedChunk[] = [];
    const [first] = this.#turns;
    let left = this.#stepTokens;
    for (const sequence of this.#wasOvertaken ? this.#turns : this.#lastOnesFirst()) {
      const count = Math.min(this.#chunkTokens, sequence.uncomputedTokens);
      if (count > left) break;
      left -= count;
      this.remove(sequence);
      planned.push({ sequence, chunk: chunkOf(sequence, count) });
    }
    this.#wasOvertaken = first !== undefined && this.#turns.has(first);
    return planned;
  }

  *#lastOnesFirst(): Iterable<Sequence> {
    yield* this.#last;
    yield* this.#turns;
  }
}

function chunkOf(sequence: Sequence, count: number): PrefillChunk {
  const { blocks, computedTokens: start } = sequence.expect("prefilling");
  const { id, context } = sequence;
  const tokenIds = context.slice(start, start + count);
  const chunk = { sequenceId: id, blocks, start, tokenIds, promptTokens: context.length };
  const isLast = start + count === context.length;
  return isLast ? { ...chunk, sample: sequence.sampleRequest() } : chunk;
}
