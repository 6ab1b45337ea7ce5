/**
 * Takes the cheapest candidate; between equals the one with the smaller cache, which has more room for another prefix;
 * then chance, so that idle workers share the first requests.
 */
import type { Candidate, WorkerPicker } from "../routing-policy.ts";

/** @param random uniform in [0, 1); injected so that decisions can be repeated */
export function lowestCost(random: () => number): WorkerPicker {
  return (candidates) => {
    const cheapest = leastBy(candidates, ({ cost }) => cost.total);
    const smallest = leastBy(cheapest, ({ cost }) => cost.cacheBlocks);
    return smallest[Math.floor(random() * smallest.length)]!;
  };
}

function leastBy(candidates: readonly Candidate[], value: (candidate: Candidate) => number): Candidate[] {
  const least = Math.min(...candidates.map(value));
  return candidates.filter((candidate) => value(candidate) === least);
}
