/** How sure a difference between two contenders is, when both were measured in the same blocks of time. */
import { randomFrom } from "../support/random.ts";
import { percentile } from "./bench.ts";

const RESAMPLES = 2000;

/**
 * The relative change, in percent, of a figure from one contender to another, with half the width of its 95 %
 * interval. `baseline[i]` and `contender[i]` were measured right after each other; the interval is of the bootstrap
 * (Efron 1979) over such pairs, so that slow drifts of the machine, which hit both, do not widen it.
 */
export function relativeChange<T>(
  baseline: readonly T[],
  contender: readonly T[],
  figure: (blocks: readonly T[]) => number,
): { readonly value: number; readonly spread: number } {
  const random = randomFrom(1);
  const change = (blocks: readonly number[]) => {
    const before = figure(blocks.map((block) => baseline[block]!));
    return (100 * (figure(blocks.map((block) => contender[block]!)) - before)) / before;
  };
  const all = baseline.map((_, block) => block);
  const resampled = Array.from({ length: RESAMPLES }, () =>
    change(all.map(() => Math.floor(random() * all.length))),
  );
  return {
    value: change(all),
    spread: (percentile(resampled, 97.5) - percentile(resampled, 2.5)) / 2,
  };
}
