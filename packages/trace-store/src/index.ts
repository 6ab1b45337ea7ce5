export { isComplete } from "./completeness.ts";
export { sinkToRouter, sinkToStore } from "./span-sinks.ts";
export {
  TraceStore,
  type TraceStoreCounts,
  type TraceStoreLimits,
  type TraceSummary,
} from "./trace-store.ts";
