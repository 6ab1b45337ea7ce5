/**
 * The read side in Redis: follows the channel, and re-reads the whole list with every heartbeat, so that a lost message
 * costs one interval. While Redis is away the last known workers stay.
 */
import { BatonError, type Clock, type Logger, type WorkerRecord } from "@baton/core";
import type { RefusedWorker, WorkerRegistry } from "../worker-registry.ts";
import { parseAnnouncement } from "./announcement.ts";
import { ObservedWorkers } from "./observed-workers.ts";
import { connectRedis, type RedisClient, type RedisClientOptions } from "./redis-client.ts";
import { type RedisPlace, workersKey } from "./redis-place.ts";
import { LEAVE, LIST } from "./redis-scripts.ts";
import { describeRedis, parseRedisUrl } from "./redis-url.ts";

/** How long a removed epoch is refused, in ms: by then its process has long stopped, or never will. */
const REMOVED_MS = 600_000;

/** How to make a registry in Redis. */
export interface RedisWorkerRegistryOptions extends RedisPlace {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Refuses a record by throwing a BatonError; the worker is left out here, and does not learn of it. */
  readonly accept?: (record: WorkerRecord) => void;
}

/** A registry in Redis with its time. */
export interface RedisWorkerRegistry extends WorkerRegistry {
  /** Reads the whole list now; resolves when it is done, and never rejects. */
  reread(): Promise<void>;
  close(): void;
}

/** Makes a registry that follows Redis until closed; it is empty until the first list has come. */
export function createRedisWorkerRegistry(options: RedisWorkerRegistryOptions): RedisWorkerRegistry {
  const registry = connectRedisWorkerRegistry(options);
  const timer = setInterval(() => void registry.reread(), options.heartbeatMs).unref();
  return {
    workers: () => registry.workers(),
    refused: () => registry.refused(),
    onChange: (listener) => registry.onChange(listener),
    reread: () => registry.reread(),
    remove: (worker) => registry.remove(worker),
    close() {
      clearInterval(timer);
      registry.close();
    },
  };
}

/** The registry without its timer: for tests, which re-read by hand. */
export function connectRedisWorkerRegistry(options: RedisWorkerRegistryOptions): RedisWorkerRegistry {
  return new FollowingRegistry(options);
}

class FollowingRegistry implements RedisWorkerRegistry {
  readonly #options: RedisWorkerRegistryOptions;
  readonly #redis: RedisClient;
  readonly #observed: ObservedWorkers;
  readonly #listeners = new Set<() => void>();
  /** Epoch ms of the last list; undefined before the first, and while Redis is away. */
  #readAt: number | undefined;
  #reading: Promise<void> | undefined;
  #isAway = false;
  #closed = false;

  constructor(options: RedisWorkerRegistryOptions) {
    const { logger, heartbeatMs, accept } = options;
    this.#options = options;
    this.#observed = new ObservedWorkers({
      heartbeatMs,
      accept,
      onRefused: ({ id, epoch }, err) =>
        logger.warn({ worker: id, epoch, err }, `Worker left out: ${err.message}`),
    });
    this.#redis = connectRedis(clientOptions(options, (reason) => this.#lost(reason)));
    this.#redis.subscribe(
      workersKey(options),
      (message) => this.#heard(message),
      () => void this.reread(),
    );
    this.#redis.onReady(() => void this.reread());
  }

  workers(): readonly WorkerRecord[] {
    return this.#observed.workers;
  }

  refused(): readonly RefusedWorker[] {
    return this.#observed.refused;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One list at a time: who asks meanwhile waits for the one under way. */
  reread(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async remove({ id, epoch }: Pick<WorkerRecord, "id" | "epoch">): Promise<void> {
    try {
      const key = workersKey(this.#options);
      await this.#redis.run(LEAVE, [key], [id, epoch, String(REMOVED_MS), "removed"]);
    } catch (cause) {
      throw new BatonError(
        "unavailable",
        `Cannot remove worker "${id}": Redis cannot be reached; try again later`,
        { cause },
      );
    }
    await this.reread();
  }

  close(): void {
    this.#closed = true;
    this.#redis.close();
  }

  async #read(): Promise<void> {
    if (this.#closed) return;
    try {
      const entries = (await this.#redis.run(LIST, [workersKey(this.#options)], [])) as string[];
      this.#found(entries);
    } catch (reason) {
      this.#lost(reason);
    }
  }

  #found(entries: readonly string[]): void {
    const now = this.#options.clock.now();
    const elapsed = this.#readAt === undefined ? 0 : now - this.#readAt;
    this.#readAt = now;
    if (this.#isAway) {
      this.#isAway = false;
      this.#observed.forgive();
      this.#options.logger.info(this.#where(), "Redis is back");
    }
    const announcements = entries.flatMap((entry) => parseAnnouncement(entry) ?? []);
    if (this.#observed.read(announcements, elapsed)) this.#publish();
  }

  #heard(message: string): void {
    const announcement = parseAnnouncement(message);
    if (announcement && this.#observed.hear(announcement)) this.#publish();
  }

  /** Said once per outage. */
  #lost(reason: unknown): void {
    if (this.#closed) return;
    if (!this.#isAway) {
      this.#options.logger.warn(
        { ...this.#where(), err: reason },
        "Lost Redis; routing goes on with the workers known now",
      );
    }
    this.#isAway = true;
    this.#readAt = undefined;
  }

  #where(): object {
    return { redis: describeRedis(parseRedisUrl(this.#options.url)) };
  }

  #publish(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function clientOptions(
  { url, tls, heartbeatMs }: RedisWorkerRegistryOptions,
  onError: (reason: Error) => void,
): RedisClientOptions {
  return { url, timeoutMs: heartbeatMs, onError, ...(tls && { tls }) };
}
