/**
 * Tells routers what this worker's prefix cache can find and how busy it is.
 *
 *   F1  Changes of a few milliseconds go out together: a message costs more than the events in it.
 *   F2  The load is looked at in intervals, while somebody follows, and told when it changed; and once a second, so that
 *       a router can tell a report that is still true from one that has grown old.
 *   F3  Nothing is kept for routers that are not there.
 */
import { BatonError, type Clock, type LoadReport, type WorkerRecord } from "@baton/core";
import type { EngineApi } from "@baton/engine";
import { KvEventLog } from "@baton/kv-cache";
import type { FeedService, FollowCall } from "@baton/rpc";
import { FollowerQueue } from "./follower-queue.ts";
import { loadReport } from "./load-report.ts";

/** For how long events are collected, in ms. */
const BATCH_MS = 5;
/** Events in one message: with the names that one may have, 512 KiB. */
const MESSAGE_EVENTS = 16;
/** Least and greatest time between two reports of the load, in ms. */
const LOAD_MS = 50;
const LOAD_HEARTBEAT_MS = 1000;
/** Names that may wait for a router even if the cache is smaller. */
const MIN_QUEUE = 4096;

/** What a feed is made of. */
export interface WorkerFeedParts {
  readonly id: WorkerRecord["id"];
  readonly epoch: string;
  /** Blocks of the cache. */
  readonly blocks: number;
  readonly engine: Pick<EngineApi, "status" | "prefixCache">;
  readonly clock: Clock;
}

interface Follower {
  readonly queue: FollowerQueue;
  readonly wake: () => void;
}

export class WorkerFeed implements FeedService {
  readonly #parts: WorkerFeedParts;
  readonly #log = new KvEventLog(() => this.#collect());
  readonly #followers = new Set<Follower>();
  #pendingSince = 0;
  #sampling: NodeJS.Timeout | undefined;
  #told: { readonly load: LoadReport; readonly at: number } | undefined;
  #overflows = 0;

  /** Observes the engine's prefix cache from now on. */
  constructor(parts: WorkerFeedParts) {
    this.#parts = parts;
    parts.engine.prefixCache.observe(this.#log);
  }

  /** Routers that follow now. */
  get followers(): number {
    return this.#followers.size;
  }

  /** How often a router read so slowly that it was sent a snapshot instead of events. */
  get overflows(): number {
    return this.#overflows;
  }

  async *follow({ workerId, epoch, signal }: FollowCall): ReturnType<FeedService["follow"]> {
    this.#assertMeant(workerId, epoch);
    let wake = Promise.withResolvers<void>();
    const follower = { queue: this.#queue(), wake: () => wake.resolve() };
    signal.addEventListener("abort", follower.wake, { once: true });
    this.#add(follower);
    try {
      while (!signal.aborted) {
        const update = follower.queue.next(this.#parts.clock.now());
        if (update) yield update;
        else {
          await wake.promise;
          wake = Promise.withResolvers();
        }
      }
    } finally {
      signal.removeEventListener("abort", follower.wake);
      this.#remove(follower);
    }
  }

  #assertMeant(workerId: string, epoch: string): void {
    const { id, epoch: own } = this.#parts;
    if (workerId === id && epoch === own) return;
    const message = `Cannot follow worker "${workerId}" of epoch "${epoch}": this is "${id}" of epoch "${own}"`;
    throw new BatonError("not_found", message);
  }

  #queue(): FollowerQueue {
    const { blocks, engine } = this.#parts;
    const source = { snapshot: () => this.#snapshot(), load: () => loadReport(engine.status()) };
    return new FollowerQueue(source, Math.max(blocks, MIN_QUEUE));
  }

  #snapshot() {
    this.#send();
    const { buffer } = this.#parts.engine.prefixCache.names();
    return { number: this.#log.number, blocks: new Uint8Array(buffer) };
  }

  /** The first of some changes: the others of the next milliseconds join it (F1). */
  #collect(): void {
    this.#pendingSince = this.#parts.clock.now();
    setTimeout(() => this.#send(), BATCH_MS).unref();
  }

  #send(): void {
    const batch = this.#log.take();
    if (!batch) return;
    for (let at = 0; at < batch.events.length; at += MESSAGE_EVENTS) {
      const events = batch.events.slice(at, at + MESSAGE_EVENTS);
      const message = { firstNumber: batch.firstNumber + at, events, since: this.#pendingSince };
      for (const { queue } of this.#followers) if (queue.push(message)) this.#overflows += 1;
    }
    for (const { wake } of this.#followers) wake();
  }

  #add(follower: Follower): void {
    this.#followers.add(follower);
    this.#sampling ??= setInterval(() => this.#sampleLoad(), LOAD_MS).unref();
  }

  #remove(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return;
    clearInterval(this.#sampling);
    this.#sampling = undefined;
  }

  #sampleLoad(): void {
    const load = loadReport(this.#parts.engine.status());
    const at = this.#parts.clock.now();
    const told = this.#told;
    if (told && at - told.at < LOAD_HEARTBEAT_MS && isSame(told.load, load)) return;
    this.#told = { load, at };
    for (const { queue, wake } of this.#followers) {
      queue.loadChanged();
      wake();
    }
  }
}

function isSame(one: LoadReport, other: LoadReport): boolean {
  return (Object.keys(one) as (keyof LoadReport)[]).every((figure) => one[figure] === other[figure]);
}
