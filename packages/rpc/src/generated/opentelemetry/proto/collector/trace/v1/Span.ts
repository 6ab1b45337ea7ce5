// Original file: proto/opentelemetry/proto/collector/trace/v1/trace_service.proto

import type { KeyValue as _opentelemetry_proto_collector_trace_v1_KeyValue, KeyValue__Output as _opentelemetry_proto_collector_trace_v1_KeyValue__Output } from '../../../../../opentelemetry/proto/collector/trace/v1/KeyValue.ts';
import type { Status as _opentelemetry_proto_collector_trace_v1_Status, Status__Output as _opentelemetry_proto_collector_trace_v1_Status__Output } from '../../../../../opentelemetry/proto/collector/trace/v1/Status.ts';
import type { Long } from '@grpc/proto-loader';

export interface _opentelemetry_proto_collector_trace_v1_Span_Event {
  'timeUnixNano'?: (number | string | Long);
  'name'?: (string);
  'attributes'?: (_opentelemetry_proto_collector_trace_v1_KeyValue)[];
}

export interface _opentelemetry_proto_collector_trace_v1_Span_Event__Output {
  'timeUnixNano': (string);
  'name': (string);
  'attributes': (_opentelemetry_proto_collector_trace_v1_KeyValue__Output)[];
}

export interface _opentelemetry_proto_collector_trace_v1_Span_Link {
  'traceId'?: (Buffer | Uint8Array | string);
  'spanId'?: (Buffer | Uint8Array | string);
  'attributes'?: (_opentelemetry_proto_collector_trace_v1_KeyValue)[];
}

export interface _opentelemetry_proto_collector_trace_v1_Span_Link__Output {
  'traceId': (Buffer);
  'spanId': (Buffer);
  'attributes': (_opentelemetry_proto_collector_trace_v1_KeyValue__Output)[];
}

// Original file: proto/opentelemetry/proto/collector/trace/v1/trace_service.proto

export const _opentelemetry_proto_collector_trace_v1_Span_SpanKind = {
  SPAN_KIND_UNSPECIFIED: 0,
  SPAN_KIND_INTERNAL: 1,
  SPAN_KIND_SERVER: 2,
  SPAN_KIND_CLIENT: 3,
  SPAN_KIND_PRODUCER: 4,
  SPAN_KIND_CONSUMER: 5,
} as const;

export type _opentelemetry_proto_collector_trace_v1_Span_SpanKind =
  | 'SPAN_KIND_UNSPECIFIED'
  | 0
  | 'SPAN_KIND_INTERNAL'
  | 1
  | 'SPAN_KIND_SERVER'
  | 2
  | 'SPAN_KIND_CLIENT'
  | 3
  | 'SPAN_KIND_PRODUCER'
  | 4
  | 'SPAN_KIND_CONSUMER'
  | 5

export type _opentelemetry_proto_collector_trace_v1_Span_SpanKind__Output = typeof _opentelemetry_proto_collector_trace_v1_Span_SpanKind[keyof typeof _opentelemetry_proto_collector_trace_v1_Span_SpanKind]

export interface Span {
  'traceId'?: (Buffer | Uint8Array | string);
  'spanId'?: (Buffer | Uint8Array | string);
  'traceState'?: (string);
  'parentSpanId'?: (Buffer | Uint8Array | string);
  'name'?: (string);
  'kind'?: (_opentelemetry_proto_collector_trace_v1_Span_SpanKind);
  'startTimeUnixNano'?: (number | string | Long);
  'endTimeUnixNano'?: (number | string | Long);
  'attributes'?: (_opentelemetry_proto_collector_trace_v1_KeyValue)[];
  'events'?: (_opentelemetry_proto_collector_trace_v1_Span_Event)[];
  'links'?: (_opentelemetry_proto_collector_trace_v1_Span_Link)[];
  'status'?: (_opentelemetry_proto_collector_trace_v1_Status | null);
  'flags'?: (number);
}

export interface Span__Output {
  'traceId': (Buffer);
  'spanId': (Buffer);
  'traceState': (string);
  'parentSpanId': (Buffer);
  'name': (string);
  'kind': (_opentelemetry_proto_collector_trace_v1_Span_SpanKind__Output);
  'startTimeUnixNano': (string);
  'endTimeUnixNano': (string);
  'attributes': (_opentelemetry_proto_collector_trace_v1_KeyValue__Output)[];
  'events': (_opentelemetry_proto_collector_trace_v1_Span_Event__Output)[];
  'links': (_opentelemetry_proto_collector_trace_v1_Span_Link__Output)[];
  'status': (_opentelemetry_proto_collector_trace_v1_Status__Output | null);
  'flags': (number);
}
