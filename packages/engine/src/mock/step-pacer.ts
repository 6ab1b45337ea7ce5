/**
 * Owns how far a mock's steps are ahead of or behind the times they should take. Timers tell whole milliseconds and
 * ring late; so each step takes over what the one before was late or early, and their sum is right though single ones
 * are not.
 *
 *   P1  A step ends at most 1 ms early, and late only by what the timer and the thread are late.
 *   P2  Over steps that follow one another, times add up exactly, unless the thread cannot keep up by itself.
 *   P3  What could not be made up for within `MAX_BEHIND_MS` is forgotten, so that a pause of the process is not
 *       followed by a burst.
 */

/** More than a timer or a garbage collection is late, less than anybody would call a pause. */
const MAX_BEHIND_MS = 100;

export class StepPacer {
  /** Above 0: behind, the next steps are shorter. Below: ahead. */
  #behindMs = 0;

  /** How long to sleep for a step of `durationMs`, in whole ms; 0 is not at all. */
  sleepMs(durationMs: number): number {
    return Math.max(0, Math.floor(durationMs - this.#behindMs));
  }

  /** The step of `durationMs` took `elapsedMs`. */
  took(durationMs: number, elapsedMs: number): void {
    this.#behindMs = Math.min(this.#behindMs + elapsedMs - durationMs, MAX_BEHIND_MS);
  }
}
