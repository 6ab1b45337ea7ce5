/** What each key uses, against its limits. In this router alone: several routers each count what comes to them. */
import type { BatonError, Clock } from "@baton/core";
import { ApiError } from "../api-error.ts";
import type { ApiKey, KeyLimits } from "./api-key.ts";
import { TokenBucket } from "./token-bucket.ts";

/** When a client that has too many requests open should come back: as soon as one of its own ends. */
const CONCURRENT_RETRY_MS = 1000;

/** One request of a key, from its admission to its end. */
export interface KeyRequest {
  /** Counts the tokens that it used. */
  used(tokens: number): void;
  /** It has ended. Safe to call again. */
  end(): void;
}

export class KeyUsage {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #limits: Partial<KeyLimits>;
  readonly #requests: TokenBucket | undefined;
  readonly #tokens: TokenBucket | undefined;
  #running = 0;

  /** A limit that the key does not have of its own is that of `defaults`. */
  constructor({ name, limits }: Pick<ApiKey, "name" | "limits">, defaults: KeyLimits, clock: Clock) {
    this.#name = name;
    this.#clock = clock;
    this.#limits = { ...defaults, ...limits };
    const bucket = (perMinute: number | undefined) =>
      perMinute === undefined ? undefined : new TokenBucket(perMinute, clock.now());
    this.#requests = bucket(this.#limits.requestsPerMinute);
    this.#tokens = bucket(this.#limits.tokensPerMinute);
  }

  /** @throws ApiError `overloaded` for a request above a limit, saying which and when to come back */
  begin(): KeyRequest {
    this.#assertWithin();
    this.#requests?.take(1, this.#clock.now());
    this.#running += 1;
    let running = true;
    return {
      used: (tokens) => this.#tokens?.take(tokens, this.#clock.now()),
      end: () => {
        if (running) this.#running -= 1;
        running = false;
      },
    };
  }

  #assertWithin(): void {
    const now = this.#clock.now();
    const { concurrent, requestsPerMinute, tokensPerMinute } = this.#limits;
    if (concurrent !== undefined && this.#running >= concurrent) {
      throw this.#exceeded(`${concurrent} requests at once`, CONCURRENT_RETRY_MS);
    }
    const requestsWaitMs = this.#requests?.waitMs(now) ?? 0;
    if (requestsWaitMs > 0) throw this.#exceeded(`${requestsPerMinute} requests per minute`, requestsWaitMs);
    const tokensWaitMs = this.#tokens?.waitMs(now) ?? 0;
    if (tokensWaitMs > 0) throw this.#exceeded(`${tokensPerMinute} tokens per minute`, tokensWaitMs);
  }

  #exceeded(limit: string, retryAfterMs: number): BatonError {
    const message = `Cannot accept the request: the key "${this.#name}" has reached its limit of ${limit}`;
    return new ApiError("overloaded", "rate_limit_exceeded", message, { retryAfterMs });
  }
}
