export { type BatchMember, eventBatch, recordBatch } from "./batch.ts";
export { readHeader } from "./carrier.ts";
export { type ContractOptions, checkTrace } from "./contract.ts";
export { isStandalone } from "./contract-structure.ts";
export type { Violation, ViolationKind } from "./contract-tree.ts";
export { encodeSpans } from "./encode-spans.ts";
export {
  type ExportedEvent,
  type ExportedLink,
  type ExportedSpan,
  groupTraces,
  processOf,
} from "./exported-span.ts";
export { formatTree } from "./format-tree.ts";
export { isTraceLevel, TRACE_LEVELS, type TraceLevel } from "./level.ts";
export { createLogger, type LoggerOptions, type LogLevel, type LogsExporter } from "./logger.ts";
export type { TraceModule } from "./module.ts";
export { ATTR, EVENT, LINK, rootName, SPAN, type SpanName, STANDALONE } from "./names.ts";
export { nullRequestTracer } from "./null-request-tracer.ts";
export { type TracingConfig, tracingOptions } from "./options-from-config.ts";
export { spansFromOtlp, spansToOtlp } from "./otlp.ts";
export type { OtlpProtocol } from "./otlp-exporter.ts";
export type { OtlpExport } from "./otlp-message.ts";
export { SAMPLERS, type SamplerName } from "./request-sampler.ts";
export type {
  Attributes,
  AttributeValue,
  RequestOptions,
  RequestTracer,
  Stage,
  StageObserver,
  StageOptions,
  StandaloneSpan,
  TraceLink,
  TraceNode,
} from "./request-trace.ts";
export {
  startTracing,
  type Tracing,
  type TracingCounts,
  type TracingOptions,
} from "./sdk.ts";
export type { SpanSink } from "./span-sink.ts";
export { sendTestSpan, type TestSpanOptions } from "./test-span.ts";
export { workerLabel } from "./thread-identity.ts";
