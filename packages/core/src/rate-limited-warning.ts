import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";

const INTERVAL_MS = 1000;

/** Warns at most once a second and says how many warnings it left out: a port scan must not fill the log. */
export class RateLimitedWarning {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #nextAt = Number.NEGATIVE_INFINITY;
  #omitted = 0;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  warn(fields: object, message: string): void {
    const now = this.#clock.now();
    if (now < this.#nextAt) {
      this.#omitted += 1;
      return;
    }
    this.#logger.warn({ ...fields, omitted: this.#omitted }, message);
    this.#nextAt = now + INTERVAL_MS;
    this.#omitted = 0;
  }
}
