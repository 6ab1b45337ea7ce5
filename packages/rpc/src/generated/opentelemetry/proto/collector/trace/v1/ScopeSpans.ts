// Original file: proto/opentelemetry/proto/collector/trace/v1/trace_service.proto

import type { Span as _opentelemetry_proto_collector_trace_v1_Span, Span__Output as _opentelemetry_proto_collector_trace_v1_Span__Output } from '../../../../../opentelemetry/proto/collector/trace/v1/Span.ts';

export interface ScopeSpans {
  'spans'?: (_opentelemetry_proto_collector_trace_v1_Span)[];
}

export interface ScopeSpans__Output {
  'spans': (_opentelemetry_proto_collector_trace_v1_Span__Output)[];
}
