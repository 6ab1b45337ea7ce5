/**
 * Owns the tokens among which one is drawn, in the order of their ids, and the rules that narrow them down. None of
 * them sorts the vocabulary: tokens are counted into buckets by likelihood, whole buckets are kept from the top, and
 * only the bucket in which a limit falls is sorted. The memory is kept from one token to the next.
 */
import { expOfMinus } from "./exp.ts";

/** Bucket b holds distances in [b/R, (b+1)/R) with R buckets per factor of e. */
const BUCKETS_PER_E = 16;
/** A token e^-40 times as likely as the best does not take part: all of them together weigh less than rounding. */
const FARTHEST = 40;
const BUCKETS = FARTHEST * BUCKETS_PER_E + 1;

/** Candidates for one token; of equal likelihood the one with the smaller id comes first. */
export class Candidates {
  readonly #ids: Int32Array;
  /** How far each logit is below the largest, over the temperature. */
  readonly #distances: Float64Array;
  /** e^-distance: the probability, up to a common factor. */
  readonly #weights: Float64Array;
  readonly #buckets = new Float64Array(BUCKETS);
  #count = 0;

  constructor(vocabSize: number) {
    this.#ids = new Int32Array(vocabSize);
    this.#distances = new Float64Array(vocabSize);
    this.#weights = new Float64Array(vocabSize);
  }

  /** Takes all tokens at least `minP` times as likely as the one with the `maximum` logit. */
  collect(logits: Float32Array, maximum: number, { temperature, minP }: CandidateRules): void {
    const farthest = Math.min(FARTHEST, -Math.log(minP));
    let count = 0;
    for (let id = 0; id < logits.length; id++) {
      const distance = (maximum - logits[id]!) / temperature;
      if (distance > farthest) continue;
      this.#ids[count] = id;
      this.#distances[count] = distance;
      this.#weights[count] = expOfMinus(distance);
      count++;
    }
    this.#count = count;
  }

  /** Keeps the `limit` most likely. */
  keepMostLikely(limit: number): void {
    if (limit < this.#count) this.#keep(limit, () => 1);
  }

  /** Keeps the fewest most likely ones that reach `share` of all weight. */
  keepNucleus(share: number): void {
    const weights = this.#weights;
    this.#keep(share * this.#totalWeight(), (index) => weights[index]!);
  }

  /** The token at `fraction` of the weight of all, in [0, 1). */
  draw(fraction: number): number {
    const target = fraction * this.#totalWeight();
    let sum = 0;
    for (let index = 0; index < this.#count; index++) {
      sum += this.#weights[index]!;
      if (sum > target) return this.#ids[index]!;
    }
    return this.#ids[this.#count - 1]!; // Only if rounding made `target` equal the sum.
  }

  /** Keeps the fewest most likely ones whose sizes reach `limit`. */
  #keep(limit: number, sizeOf: (index: number) => number): void {
    const buckets = this.#buckets.fill(0);
    for (let index = 0; index < this.#count; index++) {
      const bucket = this.#bucketOf(index);
      buckets[bucket] = buckets[bucket]! + sizeOf(index);
    }
    let kept = 0;
    let last = 0;
    while (last < BUCKETS - 1 && kept + buckets[last]! < limit) kept += buckets[last++]!;
    const dropped = this.#tailOf(last, limit - kept, sizeOf);
    this.#filter((index) => this.#bucketOf(index) <= last && !dropped.has(index));
  }

  /** Of one bucket, the candidates that are not needed once the more likely ones reach `missing`. */
  #tailOf(bucket: number, missing: number, sizeOf: (index: number) => number): ReadonlySet<number> {
    const members: number[] = [];
    for (let index = 0; index < this.#count; index++) {
      if (this.#bucketOf(index) === bucket) members.push(index);
    }
    members.sort((a, b) => this.#distances[a]! - this.#distances[b]! || a - b);
    let sum = 0;
    let needed = 0;
    while (needed < members.length && sum < missing) sum += sizeOf(members[needed++]!);
    return new Set(members.slice(needed));
  }

  #filter(keeps: (index: number) => boolean): void {
    let count = 0;
    for (let index = 0; index < this.#count; index++) {
      if (!keeps(index)) continue;
      this.#ids[count] = this.#ids[index]!;
      this.#distances[count] = this.#distances[index]!;
      this.#weights[count] = this.#weights[index]!;
      count++;
    }
    this.#count = count;
  }

  #bucketOf(index: number): number {
    return (this.#distances[index]! * BUCKETS_PER_E) | 0;
  }

  #totalWeight(): number {
    let total = 0;
    for (let index = 0; index < this.#count; index++) total += this.#weights[index]!;
    return total;
  }
}

/** What bounds the collection. */
export interface CandidateRules {
  /** Above 0. */
  readonly temperature: number;
  readonly minP: number;
}
