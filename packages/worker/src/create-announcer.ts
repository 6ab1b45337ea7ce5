/** Where a worker says that it is there: at the router's registry, or in Redis. */
import type { Logger } from "@baton/core";
import { createRedisWorkerAnnouncer, type WorkerAnnouncer, withRedisPassword } from "@baton/registry";
import { createGrpcWorkerAnnouncer } from "@baton/rpc";
import type { WorkerConfig } from "./worker-config.ts";

type Place = Pick<
  WorkerConfig,
  "registryAddress" | "redisUrl" | "redisPassword" | "redisNamespace" | "heartbeatMs"
>;

/** @throws BatonError `invalid_argument` for a URL of Redis that says no place; it never shows the password. */
export function createAnnouncer(config: Place, logger: Logger): WorkerAnnouncer {
  const { registryAddress: address, redisUrl, redisNamespace: namespace, heartbeatMs } = config;
  if (redisUrl === undefined) return createGrpcWorkerAnnouncer({ address, logger });
  const url = withRedisPassword(redisUrl, config.redisPassword);
  return createRedisWorkerAnnouncer({ url, namespace, heartbeatMs, logger });
}
