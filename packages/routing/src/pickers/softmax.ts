/**
 * Takes cheap candidates more often than dear ones: a candidate's share is `exp(−(c − min) / ((max − min) · T))`.
 * Costs are normalised by their range, so that a temperature means the same for short prompts and long ones.
 */
import type { WorkerPicker } from "../routing-policy.ts";
import { lowestCost } from "./lowest-cost.ts";

/** @param options.temperature 0 takes the cheapest; the larger, the more even the shares */
export function softmax(options: {
  readonly temperature: number;
  readonly random: () => number;
}): WorkerPicker {
  const cheapest = lowestCost(options.random);
  return (candidates, request) => {
    const temperature = request.kv?.temperature ?? options.temperature;
    if (temperature <= 0) return cheapest(candidates, request);
    const shares = softmaxShares(
      candidates.map(({ cost }) => cost.total),
      temperature,
    );
    return candidates[drawn(shares, options.random())]!;
  };
}

/** The probability of each cost; equal costs have equal shares. Sums to 1. */
function softmaxShares(costs: readonly number[], temperature: number): number[] {
  const least = Math.min(...costs);
  const range = Math.max(...costs) - least || 1;
  const weights = costs.map((cost) => Math.exp(-(cost - least) / (range * temperature)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** The index whose share contains `point`, 0 to 1; what rounding leaves after the last share is the last one's. */
function drawn(shares: readonly number[], point: number): number {
  let end = 0;
  for (const [index, share] of shares.entries()) {
    end += share;
    if (point < end) return index;
  }
  return shares.length - 1;
}
