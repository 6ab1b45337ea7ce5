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
 * after it a prompt queues again, behind whatever arrived meanwhile. So prompts that fit in one chunk are served first
 * come, first served, and a short prompt waits for one chunk of each prompt before it, never for all of a long one.
 *
 * A sequence whose chunk is in the step in flight is not in this queue: the scheduler adds it again on commit.
 */
export class PrefillQueue {
  readonly #chunkTokens: number;
  readonly #stepTokens: number;
  readonly #turns = new Set<Sequence>();

  constructor(limits: Pick<SchedulerLimits, "chunkTokens" | "stepPrefillTokens">) {
    this.#stepTokens = limits.stepPrefillTokens;
    this.#chunkTokens = Math.min(limits.chunkTokens, limits.stepPrefillTokens);
  }

  /** Queues a prefilling sequence for its next chunk. */
  add(sequence: Sequence): void {
    this.#turns.add(sequence);
  }

  /** Returns false if the sequence was not queued: its chunk is in the step in flight. */
  remove(sequence: Sequence): boolean {
    return this.#turns.delete(sequence);
  }

  /**
   * Takes the next step's chunks out of the queue, at most one per sequence. A chunk that no longer fits is not cut
   * but comes first in the next step: every chunk costs a pass over the weights, however short it is.
   */
  take(): PlannedChunk[] {
    const planned: PlannedChunk[] = [];
    let left = this.#stepTokens;
    for (const sequence of this.#turns) {
      const { computedTokens } = sequence.expect("prefilling");
      const count = Math.min(this.#chunkTokens, sequence.context.length - computedTokens);
      if (count > left) break;
      left -= count;
      this.#turns.delete(sequence);
      planned.push({ sequence, chunk: chunkOf(sequence, count) });
    }
    return planned;
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
