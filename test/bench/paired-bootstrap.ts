/** How sure a difference between two contenders is, when both were measured in the same blocks of time. */
import { randomFrom } from "../support/random.ts";
import { percentile } from "./bench.ts";

const RESAMPLES = 2000;

/** How a figure changes from one contender to another. */
export type Change = (before: number, after: number) => number;
export const inPercent: Change = (before, after) => (100 * (after - before)) / before;
export const absolute: Change = (before, after) => after - before;

/**
 * The change, of a figure from one contender to another, with half the width of its 95 %
 * interval. `baseline[i]` and `contender[i]` were measured right after each other; the interval is of the bootstrap
 * (Efron 1979) over such pairs, so that slow drifts of the machine, which hit both, do not widen it.
 */
export function pairedChange<T>(
  baseline: readonly T[],
  contender: readonly T[],
  figure: (blocks: readonly T[]) => number,
  change: Change,
): { readonly value: number; readonly spread: number } {
  const random = randomFrom(1);
  const changeIn = (blocks: readonly number[]) => {
    const figureOf = (waves: readonly T[]) => figure(blocks.map((block) => waves[block]!));
    return change(figureOf(baseline), figureOf(contender));
  };
  const all = baseline.map((_, block) => block);
  const resampled = Array.from({ length: RESAMPLES }, () =>
    changeIn(all.map(() => Math.floor(random() * all.length))),
  );
  return {
    value: changeIn(all),
    spread: (percentile(resampled, 97.5) - percentile(resampled, 2.5)) / 2,
  };
}
