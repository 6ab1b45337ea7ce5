/** When a service that ended is started again. */

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
/** A process that lived this long was healthy: its end counts as the first failure. */
const HEALTHY_MS = 30_000;
/** Share of the delay that is left to chance, so that services that fell together do not rise together. */
const JITTER = 0.2;

/** The answer to one end of a process. */
export interface Restart {
  /** Ends in a row, this one included; pass it in at the next one. */
  readonly failures: number;
  readonly delayMs: number;
}

/**
 * Doubles the delay with each failure in a row, from 0.5 s to 10 s.
 * @param failures failures in a row before this one.
 * @param aliveMs how long the process lived.
 * @param random in [0, 1).
 */
export function nextRestart(failures: number, aliveMs: number, random: number): Restart {
  const inARow = aliveMs >= HEALTHY_MS ? 1 : failures + 1;
  const backOff = FIRST_DELAY_MS * 2 ** Math.min(inARow - 1, 10);
  const delayMs = Math.min(LONGEST_DELAY_MS, backOff * (1 + JITTER * random));
  return { failures: inARow, delayMs };
}
