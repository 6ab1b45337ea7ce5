/** What a bench is, and how its figures are reported: a table for people, one JSON object per line for programs. */

/** One figure. */
export interface Measurement {
  /** What was varied: batch, context, prompt length … */
  readonly case: string;
  /** Who was measured. Contenders of one case are measured in one run, alternately where it matters. */
  readonly contender: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** Half the distance between the 10th and the 90th percentile of the repetitions, in `unit`. */
  readonly spread?: number;
}

/** One bench: measures and hands over its figures as they come. */
export interface Bench {
  /** One sentence: the question that it answers. */
  readonly question: string;
  /** What the figures do not say. */
  readonly notMeasured: string;
  /** `args` are what follows the bench's name on the command line. */
  run(report: (measurement: Measurement) => void, args: readonly string[]): Promise<void>;
}

/** The p-th percentile (0 to 100) of unsorted samples, by linear interpolation. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = ((sorted.length - 1) * p) / 100;
  const low = sorted[Math.floor(rank)]!;
  return low + (sorted[Math.ceil(rank)]! - low) * (rank % 1);
}

/** Median and spread of repetitions. */
export function summarize(samples: readonly number[]): { readonly value: number; readonly spread: number } {
  return {
    value: percentile(samples, 50),
    spread: (percentile(samples, 90) - percentile(samples, 10)) / 2,
  };
}
