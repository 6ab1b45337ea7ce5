// Original file: proto/opentelemetry/proto/collector/trace/v1/trace_service.proto


export interface ExportTraceServiceResponse {
}

export interface ExportTraceServiceResponse__Output {
}
