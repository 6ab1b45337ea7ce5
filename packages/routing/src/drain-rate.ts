/**
 * How fast work ends, and so when a refused client should come back. An average that halves the weight of the past
 * every half-life: it follows a cluster that slows down, and one quiet second does not make it zero.
 */

/** Bounds of `Retry-After`, in ms. */
const LEAST_MS = 1000;
const MOST_MS = 60_000;

export class DrainRate {
  readonly #halfLifeMs: number;
  #amount = 0;
  #weightMs = 0;
  #at: number | undefined;

  constructor(halfLifeMs = 10_000) {
    this.#halfLifeMs = halfLifeMs;
  }

  /** Notes that `amount` of work ended at `now` (epoch ms); any unit, the same for all calls. */
  ended(amount: number, now: number): void {
    this.#decay(now);
    this.#amount += amount;
  }

  /** Work per second at `now`; 0 before anything ended. */
  perSecond(now: number): number {
    this.#decay(now);
    return this.#weightMs === 0 ? 0 : (this.#amount / this.#weightMs) * 1000;
  }

  /** Time until `backlog` of work will have ended, within 1 s and 60 s, in ms; 60 s when nothing moves. */
  retryAfterMs(backlog: number, now: number): number {
    const rate = this.perSecond(now);
    if (rate === 0) return backlog > 0 ? MOST_MS : LEAST_MS;
    return Math.min(Math.max((backlog / rate) * 1000, LEAST_MS), MOST_MS);
  }

  /** The past loses weight, and the time since then is added with the weight that it has by now. */
  #decay(now: number): void {
    const elapsed = Math.max(now - (this.#at ?? now), 0);
    const keep = 0.5 ** (elapsed / this.#halfLifeMs);
    const scale = this.#halfLifeMs / Math.LN2;
    this.#amount *= keep;
    this.#weightMs = this.#weightMs * keep + scale * (1 - keep);
    this.#at = now;
  }
}
