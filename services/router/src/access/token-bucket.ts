/**
 * A rate: a bucket that holds what may be used at once, one minute's worth, and fills up at that rate. Time comes in,
 * in epoch ms; a clock that goes back fills nothing.
 *
 *   B1  Over any stretch of time no more is taken, where `waitMs` is obeyed, than one bucket and what flowed in.
 *   B2  What is only known afterwards may take more than there is: then nothing is free until the debt is paid.
 */
const MINUTE_MS = 60_000;

export class TokenBucket {
  readonly #capacity: number;
  readonly #perMs: number;
  #level: number;
  /** When `#level` was right. */
  #at: number;

  /** Starts full. @param perMinute more than 0 */
  constructor(perMinute: number, now: number) {
    this.#capacity = perMinute;
    this.#perMs = perMinute / MINUTE_MS;
    this.#level = perMinute;
    this.#at = now;
  }

  /** How long until one is there to be taken, in ms; 0 when it is. */
  waitMs(now: number): number {
    const missing = 1 - this.#levelAt(now);
    return missing <= 0 ? 0 : Math.ceil(missing / this.#perMs);
  }

  /** Takes what was used. */
  take(amount: number, now: number): void {
    this.#level = this.#levelAt(now) - amount;
    this.#at = Math.max(this.#at, now);
  }

  #levelAt(now: number): number {
    return Math.min(this.#capacity, this.#level + Math.max(0, now - this.#at) * this.#perMs);
  }
}
