/** A W3C trace context as plain data: what crosses HTTP, gRPC, the KV connection and the engine's boundary. */
export interface ExternalTraceHeader {
  /** `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`; the flags are the real ones, unsampled included. */
  readonly traceparent: string;
  /** Vendor state, passed on unchanged. */
  readonly tracestate?: string;
}

const IDS = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/;

/** What joins a log line to a trace; named as OpenTelemetry names them in logs that are not its own. */
export interface TraceFields {
  readonly trace_id?: string;
  readonly span_id?: string;
}

/** The fields of a log line that belongs to the request of this header; none without a valid one. */
export function traceFields(header: ExternalTraceHeader | undefined): TraceFields {
  const [, traceId, spanId] = (header && IDS.exec(header.traceparent)) ?? [];
  return traceId && spanId ? { trace_id: traceId, span_id: spanId } : {};
}
