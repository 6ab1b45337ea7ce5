/**
 * Step 1: a place among the requests that are worked on, or a place in the queue, or a refusal.
 *
 *   A1  At most `maxInflight` places are held; waiting requests get a place in the order of their queue.
 *   A2  A place is given back exactly once, when its holder disposes of it.
 *   A3  A request that stops waiting leaves the queue at once: its client left, or its deadline passed.
 *   A4  Where every worker of a role is busy, requests are refused as they come; those that wait already keep waiting.
 *   A5  A full queue refuses whoever would go last: the newcomer, or a less important request that makes room for it.
 */
import { BatonError, type Clock, systemClock, untilAborted } from "@baton/core";
import { DrainRate, type Shedding } from "@baton/routing";
import { busyError } from "./load-shedder.ts";
import { type Arrival, TurnQueue } from "./turn-queue.ts";

export interface AdmissionLimits {
  /** Requests worked on at once. */
  readonly maxInflight: number;
  /** Requests that wait. */
  readonly maxQueued: number;
}

/** Why a request was refused. */
export type RefusalReason = "queue_full" | "displaced" | Extract<Shedding, { kind: "shed" }>["why"];

export interface AdmissionParts {
  readonly clock?: Clock;
  /** Whether the workers have room; they do unless given. */
  readonly judge?: () => Shedding;
  /** Told of every refusal. */
  readonly onRefused?: (why: RefusalReason) => void;
}

type Turn = PromiseWithResolvers<void>;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #parts: AdmissionParts;
  readonly #clock: Clock;
  readonly #waiting = new TurnQueue<Turn>();
  readonly #ends = new DrainRate();
  #held = 0;

  constructor(limits: AdmissionLimits, parts: AdmissionParts = {}) {
    this.#limits = limits;
    this.#parts = parts;
    this.#clock = parts.clock ?? systemClock;
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

  /**
   * When a request that was refused should come back, in ms: once those that wait now have had their turn, and so many
   * have ended that the workers are no longer busy.
   */
  get retryAfterMs(): number {
    return this.#ends.retryAfterMs(this.waiting + this.#excess(), this.#clock.now());
  }

  /**
   * Waits for a place. A lower priority goes first.
   * @throws BatonError `overloaded` when the workers are busy or the queue is full; the signal's reason when it aborts
   * first.
   */
  async admit(signal: AbortSignal, priority = 0): Promise<Disposable> {
    const verdict = this.#parts.judge?.() ?? { kind: "admit" };
    if (verdict.kind === "shed") throw this.#refusal(verdict.why, busyError(verdict));
    if (this.#held < this.#limits.maxInflight) this.#held += 1;
    else await this.#wait(signal, priority);
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

  async #wait(signal: AbortSignal, priority: number): Promise<void> {
    const arrival = { priority, arrivedAt: this.#clock.now() };
    this.#makeRoom(arrival);
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn, arrival);
    try {
      await untilAborted(turn.promise, signal);
    } catch (reason) {
      // The turn may have come in the same tick as the abort: then the place goes to the next.
      if (!this.#waiting.remove(turn) && (await hasCome(turn))) this.#giveBack();
      throw reason;
    }
  }

  /** A5 */
  #makeRoom(arrival: Arrival): void {
    if (this.#waiting.size < this.#limits.maxQueued) return;
    const displaced = this.#waiting.displacedBy(arrival);
    if (!displaced) throw this.#refusal("queue_full", full(this.#limits));
    displaced.reject(this.#refusal("displaced", full(this.#limits)));
  }

  #refusal(why: RefusalReason, error: BatonError): BatonError {
    this.#parts.onRefused?.(why);
    return error;
  }

  /** How many of the running requests are too many for the workers, by the share of their load that is. */
  #excess(): number {
    const verdict = this.#parts.judge?.();
    if (verdict?.kind !== "shed") return 0;
    return Math.ceil(this.#held * (1 - verdict.threshold / verdict.measured));
  }

  /** Hands the place to the first in the queue, or frees it. */
  #giveBack(): void {
    const next = this.#waiting.next();
    if (next) next.resolve();
    else this.#held -= 1;
  }
}

/** Whether a turn that is no longer waited for came, rather than being refused. */
function hasCome(turn: Turn): Promise<boolean> {
  return turn.promise.then(
    () => true,
    () => false,
  );
}

function full({ maxInflight, maxQueued }: AdmissionLimits): BatonError {
  return new BatonError(
    "overloaded",
    `Cannot accept the request: ${maxInflight} requests are running and ${maxQueued} are waiting, which is the limit; try again later`,
  );
}
