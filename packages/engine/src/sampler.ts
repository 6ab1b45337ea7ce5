/**
 * Owns the choice of a token from logits. The choice depends on the logits, the sampling parameters and the index of
 * the token in the answer alone. Arithmetic is in float64; ties go to the smaller token id.
 */
import { BatonError } from "@baton/core";
import type { SampleRequest } from "@baton/scheduler";
import { keepNucleus } from "./nucleus.ts";
import { uniform } from "./splitmix64.ts";

/**
 * Chooses a token.
 * @throws BatonError `internal` when a logit is NaN or none is finite: the model or its KV is broken.
 */
export function sample(logits: Float32Array, request: SampleRequest): number {
  const { temperature, topP, seed } = request.sampling;
  const best = argmax(logits);
  if (temperature === 0) return best;
  const distances = new Float64Array(logits.length);
  const weights = new Float64Array(logits.length);
  for (let index = 0; index < logits.length; index++) {
    const distance = (logits[best]! - logits[index]!) / temperature;
    distances[index] = distance;
    weights[index] = Math.exp(-distance);
  }
  if (topP < 1) keepNucleus(distances, weights, topP);
  return draw(weights, uniform(seed, request.outputIndex));
}

/** Index of the largest logit. */
function argmax(logits: Float32Array): number {
  let best = 0;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < logits.length; index++) {
    const logit = logits[index]!;
    if (logit > maximum) {
      maximum = logit;
      best = index;
    } else if (Number.isNaN(logit)) {
      throw brokenLogits(logit, index);
    }
  }
  if (!Number.isFinite(maximum)) throw brokenLogits(maximum, best);
  return best;
}

/** The token at `fraction` of the sum of all weights, in the order of token ids. */
function draw(weights: Float64Array, fraction: number): number {
  let total = 0;
  for (let index = 0; index < weights.length; index++) total += weights[index]!;
  const target = fraction * total;
  let sum = 0;
  let last = 0;
  for (let index = 0; index < weights.length; index++) {
    const weight = weights[index]!;
    if (weight === 0) continue;
    sum += weight;
    if (sum > target) return index;
    last = index;
  }
  return last; // Only if rounding made `target` equal the sum.
}

function brokenLogits(value: number, index: number): BatonError {
  return new BatonError(
    "internal",
    `Cannot sample a token from logits: logit "${index}" is ${value}, expected finite numbers`,
  );
}
