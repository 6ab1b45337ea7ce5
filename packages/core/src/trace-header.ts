/** A W3C trace context as plain data: what crosses HTTP, gRPC, the KV connection and the engine's boundary. */
export interface ExternalTraceHeader {
  /** `00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`; the flags are the real ones, unsampled included. */
  readonly traceparent: string;
  /** Vendor state, passed on unchanged. */
  readonly tracestate?: string;
}
