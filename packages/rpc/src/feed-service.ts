import type { FeedUpdate } from "@baton/core";

/** A router that wants to hear of a worker. */
export interface FollowCall {
  /** The worker that is meant. */
  readonly workerId: string;
  readonly epoch: string;
  /** Aborts with a BatonError when the router leaves or the server shuts down. */
  readonly signal: AbortSignal;
}

/** What every worker offers to routers. */
export interface FeedService {
  /**
   * A snapshot of the prefix cache and the load, then what changes; returns soon after `signal` aborts. Read as fast as
   * the router takes it.
   * @throws BatonError `not_found` when another worker is meant.
   */
  follow(call: FollowCall): AsyncIterable<FeedUpdate>;
}
