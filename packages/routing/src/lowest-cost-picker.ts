/** Takes the cheapest candidate; between equals chance decides, so that idle workers share the first requests. */
import type { Candidate, WorkerPicker } from "./routing-policy.ts";

/** @param random uniform in [0, 1); injected so that decisions can be repeated */
export function lowestCost(random: () => number): WorkerPicker {
  return (candidates) => {
    const cheapest = Math.min(...candidates.map(({ cost }) => cost.total));
    const equals = candidates.filter(({ cost }) => cost.total === cheapest);
    return equals[Math.floor(random() * equals.length)] as Candidate;
  };
}
