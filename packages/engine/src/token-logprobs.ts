/** Owns log-probabilities: those of a chosen token and of the most likely ones, in the model's own distribution. */
import { MIN_LOGPROB, type TokenLogprobs } from "@baton/core";
import { expOfMinus } from "./exp.ts";

/** @param maximum the largest logit */
export function tokenLogprobs(
  logits: Float32Array,
  maximum: number,
  chosen: number,
  topCount: number,
): TokenLogprobs {
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += expOfMinus(maximum - logits[id]!);
  const logSum = maximum + Math.log(sum);
  // Single precision, as they travel between workers: so they are the same whichever worker chose the token.
  const logprob = (id: number) => Math.fround(Math.max(logits[id]! - logSum, MIN_LOGPROB));
  const top = mostLikely(logits, Math.min(topCount, logits.length));
  return {
    logprob: logprob(chosen),
    top: top.map((tokenId) => ({ tokenId, logprob: logprob(tokenId) })),
  };
}

/** The ids of the `count` largest logits, largest first, of equal ones the smaller id first. */
function mostLikely(logits: Float32Array, count: number): readonly number[] {
  const ids: number[] = [];
  if (count === 0) return ids;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (ids.length === count && !(logit > logits[ids[count - 1]!]!)) continue;
    let place = ids.length;
    while (place > 0 && logit > logits[ids[place - 1]!]!) place--;
    ids.splice(place, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}
