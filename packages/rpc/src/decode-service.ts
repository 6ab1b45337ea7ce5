import type {
  BootstrapRoom,
  ExternalTraceHeader,
  GenerationEvent,
  GenerationRequest,
  RequestId,
} from "@baton/core";

/** Where the prompt's KV comes from: a prefill worker's KV address and the room there. */
export interface KvHandover {
  readonly host: string;
  readonly port: number;
  readonly room: BootstrapRoom;
}

/** An answer to write. */
export interface GenerateCall {
  readonly request: GenerationRequest;
  /** Absent: the prompt is computed where the answer is written. */
  readonly handover?: KvHandover;
  /** 1 for the first pair tried. */
  readonly attempt: number;
  /** The router's leg span, for a worker without gRPC instrumentation. */
  readonly header: ExternalTraceHeader | undefined;
  /** Aborts with a BatonError when the caller leaves or the deadline passes; never after a normal end. */
  readonly signal: AbortSignal;
}

/** What a decode or aggregated worker offers. */
export interface DecodeService {
  /**
   * Streams token segments and then one `end`. Its first step is taken synchronously in the gRPC handler, so the
   * server's span is active until the first `await`; it settles soon after `signal` aborts.
   */
  generate(call: GenerateCall): AsyncIterable<GenerationEvent>;
  /** Ends a running generation well (`end` with reason `stop` follows); unknown requests are ignored. */
  stop(requestId: RequestId, attempt: number): void;
}
