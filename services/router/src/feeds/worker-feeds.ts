/** Follows the feeds of all workers that serve and have one, as they come and go. */
import type { Logger, WorkerRecord } from "@baton/core";
import type { WorkerRegistry } from "@baton/registry";
import type { FeedClient } from "@baton/rpc";
import { FeedFollower } from "./feed-follower.ts";
import type { FeedSink } from "./feed-sink.ts";

export interface WorkerFeedsParts {
  readonly registry: WorkerRegistry;
  readonly clients: { feed(worker: WorkerRecord): FeedClient };
  readonly sink: FeedSink;
  readonly logger: Logger;
}

export class WorkerFeeds {
  readonly #parts: WorkerFeedsParts;
  readonly #followers = new Map<string, FeedFollower>();
  readonly #stopWatching: () => void;

  /** Starts to follow. */
  constructor(parts: WorkerFeedsParts) {
    this.#parts = parts;
    this.#stopWatching = parts.registry.onChange(() => this.#update());
    this.#update();
  }

  /** Feeds by state. */
  get counts(): { readonly following: number; readonly connecting: number } {
    const all = [...this.#followers.values()];
    const following = all.filter((follower) => follower.following).length;
    return { following, connecting: all.length - following };
  }

  /** Leaves all feeds; resolves once their calls have ended. */
  async close(): Promise<void> {
    this.#stopWatching();
    const followers = [...this.#followers.values()];
    this.#followers.clear();
    for (const follower of followers) follower.leave();
    await Promise.all(followers.map(({ ended }) => ended));
  }

  #update(): void {
    const { registry, clients, sink, logger } = this.#parts;
    const wanted = new Map(
      registry
        .workers()
        .filter(hasFeed)
        .map((worker) => [keyOf(worker), worker]),
    );
    for (const [key, follower] of this.#followers) {
      if (wanted.has(key)) continue;
      this.#followers.delete(key);
      follower.leave();
    }
    for (const [key, worker] of wanted) {
      if (this.#followers.has(key)) continue;
      this.#followers.set(key, new FeedFollower({ worker, client: clients.feed(worker), sink, logger }));
    }
  }
}

/** A worker that drains gets no new work: what it holds does not matter any more. */
function hasFeed({ state, kvHashSeed }: WorkerRecord): boolean {
  return state === "serving" && kvHashSeed !== undefined;
}

function keyOf({ id, epoch, grpcAddress }: WorkerRecord): string {
  return `${id}/${epoch}/${grpcAddress}`;
}
