export { advertisedHost } from "./advertised-host.ts";
export { LegFigures } from "./leg-figures.ts";
export {
  createWorker,
  type Worker,
  type WorkerAddresses,
  type WorkerMount,
  type WorkerOptions,
} from "./worker.ts";
export type { WorkerConfig } from "./worker-config.ts";
