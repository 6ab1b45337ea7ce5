/**
 * Pseudo-random numbers that are the same on every machine: integer arithmetic and one exact division, no
 * transcendental function whose last bit may differ.
 */

/** Uniform numbers in [-1, 1), each a multiple of 2^-31 (mulberry32). */
export function randomValues(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** `count` float32 values, uniform in ±`limit`. */
export function randomTensor(next: () => number, count: number, limit: number): Float32Array {
  return Float32Array.from({ length: count }, () => next() * limit);
}
