/**
 * Draws two candidates and takes the cheaper: nearly as even as always taking the cheapest, without every router
 * of a cluster rushing to the same idle worker.
 */
import type { WorkerPicker } from "../routing-policy.ts";
import { lowestCost } from "./lowest-cost.ts";

/** @param random uniform in [0, 1) */
export function cheaperOfTwo(random: () => number): WorkerPicker {
  const cheapest = lowestCost(random);
  return (candidates, request) => {
    const first = Math.floor(random() * candidates.length);
    if (candidates.length === 1) return candidates[0]!;
    const other = (first + 1 + Math.floor(random() * (candidates.length - 1))) % candidates.length;
    return cheapest([candidates[first]!, candidates[other]!], request);
  };
}
