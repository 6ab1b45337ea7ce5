/**
 * Follows one worker's feed for as long as the worker is registered.
 *
 *   F1  One call at a time. One that was lost, or that left a gap, is followed by another after a pause; its snapshot
 *       takes the place of what was known.
 *   F2  Pauses grow until a call brings something, and end at once when the worker leaves.
 *   F3  Whenever no call is open the worker's report is dropped; what is known of its cache stays: it is likely still
 *       there, and a wrong overlap costs time only.
 */
import { setTimeout as pause } from "node:timers/promises";
import { BatonError, type FeedUpdate, type Logger, type WorkerRecord } from "@baton/core";
import type { FeedClient } from "@baton/rpc";
import type { FeedSink } from "./feed-sink.ts";

/** First and longest pause before a lost feed is sought again, in ms; jitter takes off up to half. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 5000;

export interface FeedFollowerParts {
  readonly worker: WorkerRecord;
  readonly client: FeedClient;
  readonly sink: FeedSink;
  readonly logger: Logger;
}

/** Why a snapshot is asked for. */
type Reason = "first" | "reconnected" | "gap";

export class FeedFollower {
  readonly #parts: FeedFollowerParts;
  readonly #leaving = new AbortController();
  /** Resolves after `leave`, once the call has ended. */
  readonly ended: Promise<void>;
  #failures = 0;
  #following = false;
  #reason: Reason = "first";

  constructor(parts: FeedFollowerParts) {
    this.#parts = parts;
    this.ended = this.#run();
  }

  /** Whether updates come in. */
  get following(): boolean {
    return this.#following;
  }

  /** Ends the call, if one is open, and starts no other. */
  leave(): void {
    this.#leaving.abort(new BatonError("canceled", "Cannot go on with the feed: the worker has left"));
  }

  async #run(): Promise<void> {
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      await this.#followOnce(signal);
      this.#following = false;
      this.#parts.sink.unheard(this.#parts.worker);
      const ms = Math.min(RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS) * (0.5 + Math.random() / 2);
      this.#failures += 1;
      await pause(ms, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #followOnce(signal: AbortSignal): Promise<void> {
    const { worker, client, sink, logger } = this.#parts;
    const call = sink.begin(worker, this.#reason);
    this.#reason = "reconnected";
    try {
      for await (const update of client.follow(worker, { signal })) {
        const gap = this.#take(update, call);
        if (gap === undefined) continue;
        logger.warn({ worker: worker.id, gap }, "A worker's feed has a gap; asking for a snapshot");
        this.#reason = "gap";
        return;
      }
      logger.info({ worker: worker.id }, "A worker has ended its feed");
    } catch (reason) {
      if (!signal.aborted) this.#report(BatonError.from(reason));
    }
  }

  /** Returns what is missing, if something is. */
  #take(update: FeedUpdate, take: (update: FeedUpdate) => string | undefined): string | undefined {
    this.#following = true;
    this.#failures = 0;
    return take(update);
  }

  #report(error: BatonError): void {
    const { worker, logger } = this.#parts;
    const fields = { worker: worker.id, err: error };
    if (this.#failures === 0) logger.warn(fields, "Lost a worker's feed; its cache is looked for again");
    else logger.debug(fields, "Cannot follow a worker's feed yet");
  }
}
