import type { FinishReason, SamplingParams } from "@baton/core";

/** What a sampled token means for its answer. */
export interface TokenVerdict {
  /** Whether the token is part of the answer; a stop token is not. */
  readonly isReported: boolean;
  /** Present when the answer ends here. */
  readonly finish?: FinishReason;
}

/**
 * Judges the token at `index` of an answer. The model's own length limit needs no rule: a sequence whose prompt and
 * `maxTokens` exceed it is not accepted.
 */
export function judgeToken(sampling: SamplingParams, tokenId: number, index: number): TokenVerdict {
  if (sampling.stopTokenIds.includes(tokenId)) return { isReported: false, finish: "stop" };
  if (index + 1 >= sampling.maxTokens) return { isReported: true, finish: "length" };
  return { isReported: true };
}
