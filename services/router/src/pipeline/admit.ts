/**
 * Step 1: a place among the requests that are worked on, or a place in the queue, or a refusal.
 *
 *   A1  At most `maxInflight` places are held; waiting requests get a place in order of arrival.
 *   A2  A place is given back exactly once, when its holder disposes of it.
 *   A3  A request that stops waiting leaves the queue at once.
 */
import { BatonError, type Clock, systemClock, untilAborted } from "@baton/core";
import { DrainRate } from "@baton/routing";

export interface AdmissionLimits {
  /** Requests worked on at once. */
  readonly maxInflight: number;
  /** Requests that wait. */
  readonly maxQueued: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  readonly #clock: Clock;
  readonly #ends = new DrainRate();
  #held = 0;

  constructor(limits: AdmissionLimits, clock: Clock = systemClock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Places that are held. */
  get running(): number {
    return this.#held;
  }

  /** True when the next request must wait. */
  get full(): boolean {
    return this.#held >= this.#limits.maxInflight;
  }

  /** Requests in the queue. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** When a request that was refused should come back, in ms: once those that wait now have had their turn. */
  get retryAfterMs(): number {
    return this.#ends.retryAfterMs(this.waiting, this.#clock.now());
  }

  /**
   * Waits for a place.
   * @throws BatonError `overloaded` when the queue is full; the signal's reason when it aborts first.
   */
  async admit(signal: AbortSignal): Promise<Disposable> {
    if (this.#held < this.#limits.maxInflight) this.#held += 1;
    else await this.#wait(signal);
    let given = true;
    return {
      [Symbol.dispose]: () => {
        if (!given) return;
        given = false;
        this.#ends.ended(1, this.#clock.now());
        this.#giveBack();
      },
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#limits.maxQueued) throw full(this.#limits);
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn);
    try {
      await untilAborted(turn.promise, signal);
    } catch (reason) {
      // The turn may have come in the same tick as the abort: then the place goes to the next.
      if (!this.#waiting.delete(turn)) this.#giveBack();
      throw reason;
    }
  }

  /** Hands the place to the first in the queue, or frees it. */
  #giveBack(): void {
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next.resolve();
    } else this.#held -= 1;
  }
}

function full({ maxInflight, maxQueued }: AdmissionLimits): BatonError {
  return new BatonError(
    "overloaded",
    `Cannot accept the request: ${maxInflight} requests are running and ${maxQueued} are waiting, which is the limit; try again later`,
  );
}
