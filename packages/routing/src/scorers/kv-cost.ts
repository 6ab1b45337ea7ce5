/**
 * Prefers workers that have little to compute and little to hold:
 * `scale · max(active_prefill_blocks + prompt_blocks − overlap_credits, 0) + active_decode_blocks + incoming_blocks`.
 */
import type { Scorer } from "../routing-policy.ts";
import { costInputs } from "./cost-inputs.ts";

/** Weights of the cost. */
export interface KvCostWeights {
  /** Weight of computing prompt blocks against holding them: 0 where prompts are not computed. */
  readonly prefillScale: number;
  /** How many blocks of waiting a prompt block that the worker already holds makes up for; 0 ignores the caches. */
  readonly overlapCredit: number;
}

/**
 * Above 1, because computing a block again costs others as well: whoever comes next waits for it, and it takes a place in
 * another cache. Replays of real traces got better up to 3 to 5; but the more it is, the longer requests queue for the
 * one worker that has a popular beginning before another computes it too.
 */
export const DEFAULT_OVERLAP_CREDIT = 2;

export function kvCost({ prefillScale, overlapCredit }: KvCostWeights): Scorer {
  return (workers, request) => {
    const credit = request.kv?.overlapCredit ?? overlapCredit;
    return workers.map((worker) => {
      const inputs = costInputs(worker, request);
      const raw = inputs.activePrefillBlocks + inputs.promptBlocks;
      const toCompute = Math.max(raw - credit * inputs.overlapBlocks, 0);
      const toHold = inputs.activeDecodeBlocks + inputs.promptBlocks;
      return { ...inputs, total: prefillScale * toCompute + toHold };
    });
  };
}
