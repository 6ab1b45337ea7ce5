/** Where the router reads its workers: a registry of its own, which they attach to over gRPC, or one in Redis. */
import { type Logger, systemClock, type WorkerRecord } from "@baton/core";
import {
  createInMemoryWorkerRegistry,
  createRedisWorkerRegistry,
  type InMemoryWorkerRegistry,
  startExpiry,
  type WorkerRegistry,
  withRedisPassword,
} from "@baton/registry";
import { assertSameSecurity } from "./worker-acceptance.ts";

export interface RegistryConfig {
  /** Absent: the router has the registry itself. */
  readonly redisUrl?: string | undefined;
  /** Where the URL has none. */
  readonly redisPassword?: string | undefined;
  readonly redisNamespace: string;
  readonly heartbeatMs: number;
}

export interface RegistryParts {
  /** Refuses a worker by throwing. */
  readonly accept: (worker: WorkerRecord) => void;
  /** Workers have to show certificates. */
  readonly secure: boolean;
  readonly logger: Logger;
}

export interface OpenRegistry extends Disposable {
  readonly registry: WorkerRegistry;
  /** The registry that is to be served to workers, where it is the router's own. */
  readonly own?: InMemoryWorkerRegistry;
}

/** @throws BatonError `invalid_argument` for a URL of Redis that says no place; it never shows the password. */
export function openRegistry(
  config: RegistryConfig,
  { accept, secure, logger }: RegistryParts,
): OpenRegistry {
  const { redisUrl, redisNamespace: namespace, heartbeatMs } = config;
  if (redisUrl === undefined) {
    const own = createInMemoryWorkerRegistry({ clock: systemClock, heartbeatMs, accept });
    const expiry = startExpiry(own);
    return { registry: own, own, [Symbol.dispose]: () => expiry[Symbol.dispose]() };
  }
  const registry = createRedisWorkerRegistry({
    url: withRedisPassword(redisUrl, config.redisPassword),
    namespace,
    heartbeatMs,
    clock: systemClock,
    logger,
    accept: (worker) => {
      assertSameSecurity(worker, secure);
      accept(worker);
    },
  });
  return { registry, [Symbol.dispose]: () => registry.close() };
}
