export { advertisedHost } from "./advertised-host.ts";
export {
  frameAttributes,
  kvSendKey,
  peerAttributes,
  prefillKey,
  transferAttributes,
} from "./kv-attributes.ts";
export { LegFigures } from "./leg-figures.ts";
export { StepTracer } from "./step-tracer.ts";
export {
  createWorker,
  type Worker,
  type WorkerAddresses,
  type WorkerMount,
  type WorkerOptions,
} from "./worker.ts";
export type { WorkerConfig } from "./worker-config.ts";
