/** Where a worker says that it is there: at the router's registry, or in Redis. */
import { createRedisWorkerAnnouncer, type WorkerAnnouncer, withRedisPassword } from "@baton/registry";
import { createGrpcWorkerAnnouncer, type GrpcWorkerAnnouncerOptions } from "@baton/rpc";
import type { WorkerConfig } from "./worker-config.ts";

type Place = Pick<
  WorkerConfig,
  "registryAddress" | "redisUrl" | "redisPassword" | "redisNamespace" | "heartbeatMs"
>;

/** @throws BatonError `invalid_argument` for a URL of Redis that says no place; it never shows the password. */
export function createAnnouncer(
  config: Place,
  options: Pick<GrpcWorkerAnnouncerOptions, "tls" | "logger" | "onRegistered">,
): WorkerAnnouncer {
  const { registryAddress: address, redisUrl, redisNamespace: namespace, heartbeatMs } = config;
  if (redisUrl === undefined) return createGrpcWorkerAnnouncer({ address, ...options });
  const url = withRedisPassword(redisUrl, config.redisPassword);
  const { tls: _, ...rest } = options; // Redis has its own, by its URL.
  return createRedisWorkerAnnouncer({ url, namespace, heartbeatMs, ...rest });
}
