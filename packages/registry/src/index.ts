export { startExpiry } from "./expiry.ts";
export {
  createInMemoryWorkerRegistry,
  type InMemoryWorkerRegistry,
  type InMemoryWorkerRegistryOptions,
} from "./in-memory-worker-registry.ts";
export type { Lease, WorkerAnnouncer, WorkerRegistry } from "./worker-registry.ts";
