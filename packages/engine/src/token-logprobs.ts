/** Owns log-probabilities: those of a chosen token and of the most likely ones, in the model's own distribution. */
import { MIN_LOGPROB, type TokenLogprobs } from "@baton/core";
import { mostLikely } from "./most-likely.ts";
import type { VocabularyRow } from "./vocabulary-row.ts";

/** Tokens e^-40 times as likely as the best add nothing to the sum of all. */
const FARTHEST = 40;

/** What is known of a distribution before a token is chosen. */
export interface Distribution {
  /** The logarithm of what all tokens weigh. */
  readonly logSum: number;
  /** The most likely tokens, most likely first. */
  readonly topIds: readonly number[];
}

/** The distribution of a row. @param maximum the largest logit */
export function distributionOf(row: VocabularyRow, maximum: number, topCount: number): Distribution {
  const topIds = mostLikely(row, topCount, { maximum, lowest: Number.NEGATIVE_INFINITY });
  const logSum = maximum + Math.log(row.weigh(maximum, Math.LOG2E, maximum - FARTHEST));
  return { logSum, topIds };
}

/** @param logits those of the distribution */
export function tokenLogprobs(
  logits: Float32Array,
  chosen: number,
  { logSum, topIds }: Distribution,
): TokenLogprobs {
  // Single precision, as they travel between workers: so they are the same whichever worker chose the token.
  const logprob = (id: number) => Math.fround(Math.max(logits[id]! - logSum, MIN_LOGPROB));
  return {
    logprob: logprob(chosen),
    top: topIds.map((tokenId) => ({ tokenId, logprob: logprob(tokenId) })),
  };
}
