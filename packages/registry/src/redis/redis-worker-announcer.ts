/**
 * The write side in Redis: keeps one worker's lease alive.
 *
 *   A1  The latest record is announced at once when it changes, when Redis is (again) there, and with every heartbeat.
 *   A2  At most one command is under way; what is wanted meanwhile follows it, as one.
 *   A3  A refusal or an outage is logged when it begins, and never stops the heartbeat.
 */
import type { Logger, WorkerRecord } from "@baton/core";
import type { WorkerAnnouncer } from "../worker-registry.ts";
import { SILENT_INTERVALS } from "./observed-workers.ts";
import { connectRedis, type RedisClient } from "./redis-client.ts";
import { type RedisPlace, workersKey } from "./redis-place.ts";
import { ANNOUNCE, LEAVE } from "./redis-scripts.ts";
import { describeRedis, parseRedisUrl } from "./redis-url.ts";

/** How to make an announcer in Redis. */
export interface RedisWorkerAnnouncerOptions extends RedisPlace {
  readonly logger: Logger;
  /** Called whenever Redis has taken the worker in and did not have it. */
  readonly onRegistered?: () => void;
}

/** An announcer with its heartbeat. */
export interface RedisWorkerAnnouncer extends WorkerAnnouncer {
  /** Repeats the last record; resolves when Redis has it or has failed, and never rejects. */
  beat(): Promise<void>;
}

type Standing = "unknown" | "announced" | "refused" | "removed" | "away";

/** Makes an announcer that repeats its record until closed. */
export function createRedisWorkerAnnouncer(options: RedisWorkerAnnouncerOptions): WorkerAnnouncer {
  const announcer = connectRedisWorkerAnnouncer(options);
  const timer = setInterval(() => void announcer.beat(), options.heartbeatMs).unref();
  return {
    announce: (record) => announcer.announce(record),
    close() {
      clearInterval(timer);
      return announcer.close();
    },
  };
}

/** The announcer without its timer: for tests, which beat by hand. */
export function connectRedisWorkerAnnouncer(options: RedisWorkerAnnouncerOptions): RedisWorkerAnnouncer {
  return new LeaseHolder(options);
}

class LeaseHolder implements RedisWorkerAnnouncer {
  readonly #options: RedisWorkerAnnouncerOptions;
  readonly #redis: RedisClient;
  readonly #leaseMs: string;
  #record: WorkerRecord | undefined;
  /** Redis's time at the first announcement, to be repeated. */
  #rank = "";
  #beats = 0;
  #standing: Standing = "unknown";
  #sending: Promise<void> | undefined;
  #isStale = false;
  #closing: Promise<void> | undefined;

  constructor(options: RedisWorkerAnnouncerOptions) {
    const { url, tls, heartbeatMs } = options;
    this.#options = options;
    this.#leaseMs = String(SILENT_INTERVALS * heartbeatMs);
    this.#redis = connectRedis({
      url,
      timeoutMs: heartbeatMs,
      onError: (reason) => this.#enter("away", { err: reason }),
      ...(tls && { tls }),
    });
    this.#redis.onReady(() => void this.beat());
  }

  announce(record: WorkerRecord): void {
    this.#record = record;
    void this.beat();
  }

  beat(): Promise<void> {
    if (!this.#record || this.#closing) return Promise.resolve();
    this.#isStale = true;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  async #sendAll(): Promise<void> {
    while (this.#isStale && this.#record) {
      this.#isStale = false;
      await this.#send(this.#record);
    }
  }

  async #send(record: WorkerRecord): Promise<void> {
    this.#beats += 1;
    const args = [record.id, record.epoch, this.#rank, String(this.#beats), this.#leaseMs];
    try {
      const key = workersKey(this.#options);
      const answer = await this.#redis.run(ANNOUNCE, [key], [...args, JSON.stringify(record)]);
      const [verdict, detail] = answer as [string, string];
      if (verdict === "ok") this.#rank = detail;
      if (verdict === "ok") this.#enter("announced", { epoch: record.epoch });
      else if (verdict === "removed") this.#enter("removed", { epoch: record.epoch });
      else this.#enter("refused", { epoch: record.epoch, replacedBy: detail });
    } catch (reason) {
      // Still connecting for the first time: the record is announced once that is done, and a failure is logged.
      if (this.#standing === "unknown" && !this.#redis.isReady) return;
      this.#enter("away", { err: reason });
    }
  }

  /** Says goodbye, if Redis is there to hear it; else the lease ends by itself. */
  async #leave(): Promise<void> {
    await this.#sending;
    const { id, epoch } = this.#record ?? {};
    try {
      if (id && epoch) await this.#redis.run(LEAVE, [workersKey(this.#options)], [id, epoch, this.#leaseMs]);
    } catch {
      // Redis is away.
    }
    this.#redis.close();
  }

  #enter(standing: Standing, detail: object): void {
    if (this.#standing === standing || this.#closing) return;
    this.#standing = standing;
    const { logger, url, onRegistered } = this.#options;
    const fields = { redis: describeRedis(parseRedisUrl(url)), ...detail };
    if (standing === "announced") {
      logger.info(fields, "Announced in Redis");
      onRegistered?.();
    }
    if (standing === "away") logger.warn(fields, "Cannot reach Redis; trying until it is back");
    if (standing === "removed")
      logger.error(fields, "This worker was removed; only a new process of it is taken in");
    if (standing === "refused")
      logger.error(fields, "A newer process of this worker's id has taken its place");
  }
}
