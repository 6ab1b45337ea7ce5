// Original file: proto/opentelemetry/proto/collector/trace/v1/trace_service.proto


// Original file: proto/opentelemetry/proto/collector/trace/v1/trace_service.proto

export const _opentelemetry_proto_collector_trace_v1_Status_StatusCode = {
  STATUS_CODE_UNSET: 0,
  STATUS_CODE_OK: 1,
  STATUS_CODE_ERROR: 2,
} as const;

export type _opentelemetry_proto_collector_trace_v1_Status_StatusCode =
  | 'STATUS_CODE_UNSET'
  | 0
  | 'STATUS_CODE_OK'
  | 1
  | 'STATUS_CODE_ERROR'
  | 2

export type _opentelemetry_proto_collector_trace_v1_Status_StatusCode__Output = typeof _opentelemetry_proto_collector_trace_v1_Status_StatusCode[keyof typeof _opentelemetry_proto_collector_trace_v1_Status_StatusCode]

export interface Status {
  'message'?: (string);
  'code'?: (_opentelemetry_proto_collector_trace_v1_Status_StatusCode);
}

export interface Status__Output {
  'message': (string);
  'code': (_opentelemetry_proto_collector_trace_v1_Status_StatusCode__Output);
}
