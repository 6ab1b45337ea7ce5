/**
 * Top-p without sorting the vocabulary: tokens are counted into buckets by likelihood, whole buckets are kept from the
 * top, and only the bucket in which the limit falls is sorted.
 */

/** Bucket b holds the tokens whose weight is in (e^-((b+1)/R), e^-(b/R)] with R buckets per factor of e. */
const BUCKETS_PER_E = 16;
/** The last bucket holds everything below e^-40: in sum too little for any top-p that a float64 tells from 1. */
const BUCKETS = 40 * BUCKETS_PER_E;

/**
 * Sets to zero all weights but the smallest set of largest ones that reaches `topP` of their sum; of equal weights the
 * one with the smaller index is kept first.
 * @param distances how far each logit is below the largest, over the temperature: `weight = exp(-distance)`
 */
export function keepNucleus(distances: Float64Array, weights: Float64Array, topP: number): void {
  const masses = bucketMasses(distances, weights);
  const target = topP * masses.reduce((total, mass) => total + mass, 0);
  let kept = 0;
  let limit = 0;
  while (limit < BUCKETS - 1 && kept + masses[limit]! < target) {
    kept += masses[limit]!;
    limit++;
  }
  const members: number[] = [];
  for (let index = 0; index < weights.length; index++) {
    const bucket = bucketOf(distances[index]!);
    if (bucket === limit) members.push(index);
    else if (bucket > limit) weights[index] = 0;
  }
  dropTail(members, distances, weights, target - kept);
}

/** Of one bucket, keeps the most likely members until their sum reaches `missing`, and zeroes the others. */
function dropTail(members: number[], distances: Float64Array, weights: Float64Array, missing: number): void {
  members.sort((a, b) => distances[a]! - distances[b]! || a - b);
  let sum = 0;
  for (const index of members) {
    if (sum >= missing) weights[index] = 0;
    else sum += weights[index]!;
  }
}

function bucketMasses(distances: Float64Array, weights: Float64Array): Float64Array {
  const masses = new Float64Array(BUCKETS);
  for (let index = 0; index < weights.length; index++) {
    const bucket = bucketOf(distances[index]!);
    masses[bucket] = masses[bucket]! + weights[index]!;
  }
  return masses;
}

function bucketOf(distance: number): number {
  return Math.min(Math.floor(distance * BUCKETS_PER_E), BUCKETS - 1);
}
