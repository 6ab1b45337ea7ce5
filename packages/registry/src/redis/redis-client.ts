/**
 * The only file that knows ioredis. What the registry needs of Redis is little: scripts, and one channel.
 *
 * No command outlives its moment: none is queued while Redis is away, none is sent again, none waits longer than its
 * time-out. Everything here is repeated by a heartbeat anyway, and an old heartbeat is worth nothing.
 */
import type { ConnectionOptions } from "node:tls";
import { Cluster, Redis } from "ioredis";
import { parseRedisUrl, type RedisTarget } from "./redis-url.ts";

/** A connection that is sought again for as long as it takes. */
export interface RedisClient {
  /** Runs a Lua script. Rejects when Redis is away, silent or refuses. */
  run(script: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Receives the messages of a channel on a connection of its own; `onReady` is called whenever it (again) does. */
  subscribe(channel: string, onMessage: (message: string) => void, onReady: () => void): void;
  /** Whether a command could be sent now. */
  readonly isReady: boolean;
  /** Calls `listener` whenever the connection is (again) usable. */
  onReady(listener: () => void): void;
  close(): void;
}

/** How to reach Redis. */
export interface RedisClientOptions {
  /** See `redis-url.ts` for the forms. */
  readonly url: string;
  /** Certificates and the like for the `rediss` forms; nothing is needed for publicly trusted ones. */
  readonly tls?: ConnectionOptions;
  /** Longest wait for an answer and for a connection, in ms. */
  readonly timeoutMs: number;
  /** Told of every failed connection, with ioredis's own words, which contain no password. */
  readonly onError: (reason: Error) => void;
}

const FIRST_RETRY_MS = 50;

/** Makes a client that starts to connect at once. Never throws for a Redis that is away. */
export function connectRedis(options: RedisClientOptions): RedisClient {
  const connect = () => connection(parseRedisUrl(options.url), options);
  const commands = connect();
  const connections = [commands];
  return {
    run: (script, keys, args) => commands.eval(script, keys.length, ...keys, ...args),
    subscribe(channel, onMessage, onReady) {
      const subscriber = connect();
      connections.push(subscriber);
      subscriber.on("message", (_channel: string, message: string) => onMessage(message));
      subscriber.on("ready", () => {
        // A failure here is a connection that broke again; the next one is ready again.
        subscriber.subscribe(channel).then(onReady, options.onError);
      });
    },
    get isReady() {
      return commands.status === "ready";
    },
    onReady(listener) {
      commands.on("ready", listener);
    },
    close() {
      for (const each of connections) each.disconnect();
    },
  };
}

function connection(target: RedisTarget, options: RedisClientOptions): Redis | Cluster {
  const client = target.kind === "cluster" ? clusterOf(target, options) : redisOf(target, options);
  client.on("error", options.onError);
  return client;
}

function redisOf(target: Exclude<RedisTarget, { kind: "cluster" }>, options: RedisClientOptions): Redis {
  const common = { ...commonOptions(target, options), db: target.db };
  const again = { retryStrategy: retryAfter(options.timeoutMs), enableOfflineQueue: false };
  if (target.kind === "single") return new Redis({ ...common, ...again, ...target.node });
  return new Redis({
    ...common,
    ...again,
    sentinels: [...target.nodes],
    name: target.name,
    sentinelRetryStrategy: retryAfter(options.timeoutMs),
    sentinelCommandTimeout: options.timeoutMs,
    ...(target.sentinelUsername && { sentinelUsername: target.sentinelUsername }),
    ...(target.sentinelPassword && { sentinelPassword: target.sentinelPassword }),
    ...(target.tls && { enableTLSForSentinelMode: true, sentinelTLS: options.tls ?? {} }),
  });
}

function clusterOf(target: Extract<RedisTarget, { kind: "cluster" }>, options: RedisClientOptions): Cluster {
  return new Cluster([...target.nodes], {
    redisOptions: commonOptions(target, options),
    enableOfflineQueue: false,
    clusterRetryStrategy: retryAfter(options.timeoutMs),
    slotsRefreshTimeout: options.timeoutMs,
  });
}

function commonOptions(target: RedisTarget, { tls, timeoutMs }: RedisClientOptions) {
  return {
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    socketTimeout: 3 * timeoutMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // A primary that became a replica: its successor is found by connecting anew.
    reconnectOnError: ({ message }: Error) => message.startsWith("READONLY"),
    ...(target.username && { username: target.username }),
    ...(target.password && { password: target.password }),
    ...(target.tls && { tls: tls ?? {} }),
  };
}

/** Growing pauses with jitter, up to the time-out: a Redis that is back should be found within a heartbeat. */
function retryAfter(mostMs: number): (attempt: number) => number {
  return (attempt) =>
    Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt, 16), mostMs) * (0.5 + Math.random() / 2);
}
