const MASK = (1n << 64n) - 1n;
const GAMMA = 0x9e3779b97f4a7c15n;

/**
 * Number `index` of the SplitMix64 stream that starts at `seed`, unsigned 64-bit (Steele, Lea and Flood, "Fast
 * splittable pseudorandom number generators", 2014). The stream is a counter behind a mixing function, so any number
 * of it is found without the ones before it: a request may change workers and still draw the same numbers.
 */
export function splitmix64(seed: bigint, index: number): bigint {
  let z = (seed + GAMMA * BigInt(index + 1)) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

/** The same number as a fraction in [0, 1), from its upper 53 bits. */
export function uniform(seed: bigint, index: number): number {
  return Number(splitmix64(seed, index) >> 11n) / 2 ** 53;
}
