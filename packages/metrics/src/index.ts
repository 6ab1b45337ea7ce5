export { LABELS, METRICS, type MetricName, type MetricsRole } from "./metric-table.ts";
export { createMetrics, type Exposition, type Metrics, type Reading } from "./metrics.ts";
export { createMetricsServer, type MetricsServer, type MetricsServerOptions } from "./metrics-server.ts";
export {
  type AnswerMetrics,
  type GenAiRequest,
  RequestMetrics,
  type RequestMetricsOptions,
} from "./request-metrics.ts";
export { silentMetrics } from "./silent-metrics.ts";
export { stageMetrics } from "./stage-metrics.ts";
export { readTracingCounts } from "./tracing-metrics.ts";
export { observeTransfer, type Transfer } from "./transfer-metrics.ts";
