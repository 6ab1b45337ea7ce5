export { startExpiry } from "./expiry.ts";
export {
  createInMemoryWorkerRegistry,
  type InMemoryWorkerRegistry,
  type InMemoryWorkerRegistryOptions,
} from "./in-memory-worker-registry.ts";
export type { RedisPlace } from "./redis/redis-place.ts";
export { describeRedis, parseRedisUrl, type RedisTarget, withRedisPassword } from "./redis/redis-url.ts";
export {
  createRedisWorkerAnnouncer,
  type RedisWorkerAnnouncerOptions,
} from "./redis/redis-worker-announcer.ts";
export {
  createRedisWorkerRegistry,
  type RedisWorkerRegistry,
  type RedisWorkerRegistryOptions,
} from "./redis/redis-worker-registry.ts";
export type { Lease, RefusedWorker, WorkerAnnouncer, WorkerRegistry } from "./worker-registry.ts";
