/** Time as every package sees it. Durations are in milliseconds; instants are epoch milliseconds with fractions. */

/** Source of instants; tests pass one that they move by hand. */
export interface Clock {
  /** Now, in epoch milliseconds, monotonic within the process, with sub-millisecond fractions. */
  now(): number;
}

/**
 * The real clock: comparable between threads and processes of a machine, and never jumps backwards. Not simply
 * `performance.timeOrigin`, which is some milliseconds wrong where the process was interrupted while it started.
 */
export const systemClock: Clock = { now: () => ORIGIN + performance.now() };

const ORIGIN = originOfMonotonicClock();

/**
 * The wall clock's reading at the zero of the monotonic clock. The wall clock has whole milliseconds, so it is read
 * as it ticks; an interruption between the two readings makes the difference too small, so the largest counts.
 */
function originOfMonotonicClock(): number {
  const differences = Array.from({ length: 3 }, () => nextTick() - performance.now());
  return Math.max(...differences);
}

function nextTick(): number {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return now;
}
