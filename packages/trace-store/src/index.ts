export { isComplete } from "./completeness.ts";
export { sinkToRouter, sinkToStore } from "./span-sinks.ts";
export { type RequestSpans, splitRequests } from "./split-requests.ts";
export {
  type StoredRequest,
  TraceStore,
  type TraceStoreCounts,
  type TraceStoreLimits,
} from "./trace-store.ts";
