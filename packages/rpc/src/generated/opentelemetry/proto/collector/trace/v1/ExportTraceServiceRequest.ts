// Original file: proto/opentelemetry/proto/collector/trace/v1/trace_service.proto

import type { ResourceSpans as _opentelemetry_proto_collector_trace_v1_ResourceSpans, ResourceSpans__Output as _opentelemetry_proto_collector_trace_v1_ResourceSpans__Output } from '../../../../../opentelemetry/proto/collector/trace/v1/ResourceSpans.ts';

export interface ExportTraceServiceRequest {
  'resourceSpans'?: (_opentelemetry_proto_collector_trace_v1_ResourceSpans)[];
}

export interface ExportTraceServiceRequest__Output {
  'resourceSpans': (_opentelemetry_proto_collector_trace_v1_ResourceSpans__Output)[];
}
