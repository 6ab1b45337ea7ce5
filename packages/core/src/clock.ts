/** Time as every package sees it. Durations are in milliseconds; instants are epoch milliseconds with fractions. */

/** Source of instants; tests pass one that they move by hand. */
export interface Clock {
  /** Now, in epoch milliseconds, monotonic within the process, with sub-millisecond fractions. */
  now(): number;
}

/** The real clock: comparable between the threads of a process, and never jumps backwards. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
};
