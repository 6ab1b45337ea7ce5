/** How far another process's clock is from ours, by the midpoint of question and answer. */
import { type Clock, systemClock } from "@baton/core";

export interface ClockSample {
  /** The other clock minus ours. */
  readonly offsetMs: number;
  /** The answer may have been given at any time between question and arrival: half of that. */
  readonly uncertaintyMs: number;
}

/** Asks for the other's time, `count` times; the quickest answer is the one to believe. */
export async function sampleClock(
  count: number,
  askTimeMs: () => Promise<number>,
  clock: Clock = systemClock,
): Promise<ClockSample> {
  const samples: ClockSample[] = [];
  for (let i = 0; i < count; i++) {
    const asked = clock.now();
    const theirs = await askTimeMs();
    const answered = clock.now();
    samples.push({ offsetMs: theirs - (asked + answered) / 2, uncertaintyMs: (answered - asked) / 2 });
  }
  return samples.reduce((best, sample) => (sample.uncertaintyMs < best.uncertaintyMs ? sample : best));
}
