/** Where in Redis a cluster's workers are, the same for routers and workers. */
import type { RedisClientOptions } from "./redis-client.ts";

export interface RedisPlace extends Pick<RedisClientOptions, "url" | "tls"> {
  /** Prefix of the key and the channel, so that clusters can share a Redis. */
  readonly namespace: string;
  /** How often workers announce themselves and routers re-read, in ms; also the longest wait for Redis. */
  readonly heartbeatMs: number;
}

/** Key of the hash of workers and name of the channel. The version changes with the form of an entry. */
export function workersKey({ namespace }: Pick<RedisPlace, "namespace">): string {
  return `${namespace}:v1:workers`;
}
