/** How the requests of a chaos run have ended. */
import type { Played } from "./chaos-client.ts";

/** The figures of a run, at its end or so far. */
export interface ChaosReport {
  /** Requests that have ended. */
  readonly requests: number;
  readonly successes: number;
  /** By code; `… after text` where the client had part of the answer. */
  readonly errors: Readonly<Record<string, number>>;
  /** Clients that left. */
  readonly left: number;
  /** How many ended as none may end; `wrong` has the first twenty. */
  readonly wrongs: number;
  readonly wrong: readonly string[];
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>;
  /** Workers that ended by themselves, did not end well when asked to, or did not start again. */
  readonly failures: readonly string[];
  /** What was held, once everybody was well again, that had not been held before. */
  readonly leftBehind: readonly string[];
  readonly slowestMs: number;
  readonly seconds: number;
}

/** What of a report the tally knows itself. */
export type TallyReport = Omit<ChaosReport, "faults" | "failures" | "leftBehind">;

/** Kept of what must not happen. */
const EXAMPLES = 20;

export class ChaosTally {
  readonly #startedAt = performance.now();
  readonly #errors: Record<string, number> = {};
  readonly #wrong: string[] = [];
  #requests = 0;
  #successes = 0;
  #left = 0;
  #wrongs = 0;
  #slowestMs = 0;

  add({ verdict, ms }: Played): void {
    this.#requests += 1;
    this.#slowestMs = Math.max(this.#slowestMs, ms);
    switch (verdict.kind) {
      case "success":
        this.#successes += 1;
        break;
      case "left":
        this.#left += 1;
        break;
      case "error": {
        const name = verdict.afterText ? `${verdict.code} after text` : verdict.code;
        this.#errors[name] = (this.#errors[name] ?? 0) + 1;
        break;
      }
      case "wrong":
        this.#wrongs += 1;
        if (this.#wrong.length < EXAMPLES) this.#wrong.push(verdict.what);
        break;
    }
  }

  report(): TallyReport {
    return {
      requests: this.#requests,
      successes: this.#successes,
      errors: { ...this.#errors },
      left: this.#left,
      wrongs: this.#wrongs,
      wrong: [...this.#wrong],
      slowestMs: Math.round(this.#slowestMs),
      seconds: Math.round((performance.now() - this.#startedAt) / 1000),
    };
  }
}
