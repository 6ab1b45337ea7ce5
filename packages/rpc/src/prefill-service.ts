import type { BootstrapRoom, ExternalTraceHeader, GenerationRequest, LegTimings, Usage } from "@baton/core";

/** A prompt to compute and hand over. */
export interface PrefillCall {
  readonly request: GenerationRequest;
  /** The room under which a decode worker will ask for the KV. */
  readonly room: BootstrapRoom;
  /** 1 for the first pair tried. */
  readonly attempt: number;
  /** The router's leg span, for a worker without gRPC instrumentation. */
  readonly header: ExternalTraceHeader | undefined;
  /** Aborts with a BatonError when the caller leaves or the deadline passes; never after a normal end. */
  readonly signal: AbortSignal;
}

/** What a prefill worker answers once the decode worker has acknowledged the whole KV. */
export interface PrefillResult {
  readonly usage: Usage;
  readonly firstTokenId: number;
  /** Payload bytes handed over. */
  readonly kvBytes: number;
  readonly timings?: LegTimings;
}

/** What a prefill worker offers. */
export interface PrefillService {
  /**
   * Computes the prompt, serves the room, and resolves once all of the KV was acknowledged.
   * Called synchronously in the gRPC handler, so the server's span is active; settles soon after `signal` aborts.
   */
  prefill(call: PrefillCall): Promise<PrefillResult>;
}
