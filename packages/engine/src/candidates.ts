/**
 * Owns the tokens among which one is drawn, in the order of their ids, and the rules that narrow them down. None of
 * them sorts the vocabulary: tokens are counted or weighed by steps of likelihood, whole steps are kept from the top,
 * and only the step in which a limit falls is sorted. The memory is kept from one token to the next.
 */
import { expOfMinus } from "./exp.ts";

/** A token e^-40 times as likely as the best does not take part: all of them together weigh less than rounding. */
const FARTHEST = 40;
/** Steps of likelihood per factor of e. So many that one step has few tokens, however flat the logits are. */
const STEPS_PER_E = 256;
const STEPS = FARTHEST * STEPS_PER_E + 1;
/** The step of a token that does not take part. */
const NONE = STEPS;
/** Weight at the near end of each step. */
const WEIGHTS = Float64Array.from({ length: STEPS }, (_, step) => expOfMinus(step / STEPS_PER_E));

/** What bounds the candidates. */
export interface CandidateRules {
  /** Above 0. */
  readonly temperature: number;
  /** Tokens at least so many times as likely as the best. */
  readonly minP: number;
  /** The most likely ones, so many; 0 for any number. */
  readonly topK: number;
  /** The fewest most likely ones that reach this share of all weight. */
  readonly topP: number;
}

/** Candidates for one token; of equal likelihood the one with the smaller id comes first. */
export class Candidates {
  /** e^-distance, the probability up to a common factor; distance is how far a logit is below the largest. */
  readonly #weights: Float64Array;
  readonly #steps: Uint16Array;
  /** Of each step, and of those that do not take part: the number of its tokens, or what they weigh. */
  readonly #sizes = new Float64Array(STEPS + 1);
  #total = 0;

  constructor(vocabSize: number) {
    this.#weights = new Float64Array(vocabSize);
    this.#steps = new Uint16Array(vocabSize);
  }

  /** Takes the tokens that follow the rules. `maximum` is the largest logit; changes the logits where top-k asks. */
  collect(logits: Float32Array, maximum: number, { temperature, minP, topK, topP }: CandidateRules): void {
    const scale = STEPS_PER_E / temperature;
    if (topK > 0 && topK < logits.length) this.#keepMostLikely(logits, maximum, scale, topK);
    const farthest = Math.min(FARTHEST, -Math.log(minP)) * STEPS_PER_E;
    if (topP >= 1) this.#weigh(logits, maximum, scale, farthest);
    else this.#keepNucleus(logits, maximum, scale, farthest, topP);
  }

  /** The token at `fraction` of the weight of all, in [0, 1). */
  draw(fraction: number): number {
    const weights = this.#weights;
    const target = fraction * this.#total;
    let sum = 0;
    for (let id = 0; id < weights.length; id++) {
      sum += weights[id]!;
      if (sum > target) return id;
    }
    return weights.findLastIndex((weight) => weight > 0); // Only if rounding made `target` equal the sum.
  }

  /** Rules out all but the `limit` most likely. */
  #keepMostLikely(logits: Float32Array, maximum: number, scale: number, limit: number): void {
    const steps = this.#steps;
    const counts = this.#sizes.fill(0);
    for (let id = 0; id < logits.length; id++) {
      const step = Math.min((maximum - logits[id]!) * scale, NONE) | 0;
      steps[id] = step;
      counts[step] = counts[step]! + 1;
    }
    const { last, before } = stepOf(limit, counts);
    const kept: number[] = [];
    for (let id = 0; id < steps.length; id++) if (steps[id]! < last) kept.push(id);
    for (const id of this.#members(last, logits).slice(0, limit - before)) kept.push(id);
    const values = kept.map((id) => logits[id]!);
    logits.fill(Number.NEGATIVE_INFINITY);
    for (const [index, id] of kept.entries()) logits[id] = values[index]!;
  }

  #weigh(logits: Float32Array, maximum: number, scale: number, farthest: number): void {
    const weights = this.#weights;
    let total = 0;
    for (let id = 0; id < logits.length; id++) {
      const distance = (maximum - logits[id]!) * scale;
      const weight = distance <= farthest ? weightAt(distance) : 0;
      weights[id] = weight;
      total += weight;
    }
    this.#total = total;
  }

  /** Weighs, and then rules out all but the fewest most likely that reach `share` of the weight. */
  #keepNucleus(logits: Float32Array, maximum: number, scale: number, farthest: number, share: number): void {
    const weights = this.#weights;
    const steps = this.#steps;
    const sums = this.#sizes.fill(0);
    let total = 0;
    for (let id = 0; id < logits.length; id++) {
      const distance = (maximum - logits[id]!) * scale;
      const takesPart = distance <= farthest;
      const weight = takesPart ? weightAt(distance) : 0;
      const step = takesPart ? distance | 0 : NONE;
      weights[id] = weight;
      steps[id] = step;
      sums[step] = sums[step]! + weight;
      total += weight;
    }
    const { last, before } = stepOf(share * total, sums);
    for (let id = 0; id < steps.length; id++) if (steps[id]! > last) weights[id] = 0;
    let kept = before;
    for (const id of this.#members(last, logits)) {
      if (kept < share * total) kept += weights[id]!;
      else weights[id] = 0;
    }
    this.#total = kept;
  }

  /** The tokens of a step, most likely first. */
  #members(step: number, logits: Float32Array): readonly number[] {
    const members: number[] = [];
    const steps = this.#steps;
    for (let id = 0; id < steps.length; id++) if (steps[id] === step) members.push(id);
    return members.sort((a, b) => logits[b]! - logits[a]! || a - b);
  }
}

/** e^-(distance / STEPS_PER_E), for less than STEPS. */
function weightAt(distance: number): number {
  const step = distance | 0;
  const rest = (step - distance) / STEPS_PER_E; // In (-1/256, 0]: four terms of the series are enough.
  return WEIGHTS[step]! * (1 + rest * (1 + rest * (1 / 2 + rest * (1 / 6))));
}

/** The step in which the sizes reach `limit`, and the size of all before it. */
function stepOf(limit: number, sizes: Float64Array): { readonly last: number; readonly before: number } {
  let before = 0;
  let last = 0;
  while (last < sizes.length - 1 && before + sizes[last]! < limit) before += sizes[last++]!;
  return { last, before };
}
