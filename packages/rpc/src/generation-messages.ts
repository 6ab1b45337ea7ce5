/** What both legs of a request share on the wire: request, usage, room, trace header. Incoming messages are checked. */
import {
  type BootstrapRoom,
  bootstrapRoom,
  type ExternalTraceHeader,
  type GenerationRequest,
  type LegTimings,
  requestId,
  type Usage,
} from "@baton/core";
import { inRange, MAX_ID_LENGTH, MAX_UINT32, notEmpty, present, rejectField, text } from "./fields.ts";
import type { LegTimings__Output as IncomingTimings } from "./generated/baton/v1/LegTimings.ts";
import type { SamplingParams__Output as IncomingSampling } from "./generated/baton/v1/SamplingParams.ts";
import type { TraceHeader__Output as IncomingTraceHeader } from "./generated/baton/v1/TraceHeader.ts";
import type { Usage__Output as IncomingUsage } from "./generated/baton/v1/Usage.ts";
import { fromWireSampling, toWireSampling } from "./sampling-messages.ts";

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/;

/** The fields that a prefill and a decode request have in common. */
interface IncomingRequest {
  readonly requestId: string;
  readonly promptTokenIds: readonly number[];
  readonly answeredTokenIds: readonly number[];
  readonly sampling: IncomingSampling | null;
  readonly probe: boolean;
}

/** The common fields of a request; the deadline travels as gRPC's own. */
export function toWireRequest(request: GenerationRequest) {
  return {
    requestId: request.requestId,
    promptTokenIds: request.promptTokenIds as number[], // Only read.
    answeredTokenIds: (request.answeredTokenIds ?? []) as number[], // Only read.
    sampling: toWireSampling(request.sampling),
    probe: request.probe ?? false,
  };
}

/** @throws BatonError `invalid_argument` naming the field. */
export function fromWireRequest(message: IncomingRequest, deadline: number): GenerationRequest {
  const sampling = fromWireSampling(present("sampling", message.sampling));
  const { answeredTokenIds } = message;
  inRange("answered_token_ids.length", answeredTokenIds.length, 0, sampling.maxTokens - 1);
  return {
    requestId: requestId(text("request_id", message.requestId, MAX_ID_LENGTH)),
    promptTokenIds: notEmpty("prompt_token_ids", message.promptTokenIds),
    ...(answeredTokenIds.length > 0 && { answeredTokenIds }),
    sampling,
    ...(message.probe && { probe: true }),
    deadline,
  };
}

/** @throws BatonError `invalid_argument` outside 1 … 2^63-1. */
export function fromWireRoom(field: string, value: string): BootstrapRoom {
  try {
    return bootstrapRoom(BigInt(value));
  } catch {
    return rejectField(field, value, "1 to 2^63-1");
  }
}

/** @throws BatonError `invalid_argument` for 0: attempts are counted from 1. */
export function fromWireAttempt(value: number): number {
  return inRange("attempt", value, 1, MAX_UINT32);
}

/** A header that is no valid W3C context is ignored: tracing never fails a request. */
export function fromWireTraceHeader(message: IncomingTraceHeader | null): ExternalTraceHeader | undefined {
  if (message === null || !TRACEPARENT.test(message.traceparent)) return undefined;
  const { traceparent, tracestate } = message;
  return tracestate === "" ? { traceparent } : { traceparent, tracestate };
}

/** Token counts as they came; absent ones count as none. */
export function fromWireUsage(message: IncomingUsage | null): Usage {
  return {
    promptTokens: message?.promptTokens ?? 0,
    cachedTokens: message?.cachedTokens ?? 0,
    completionTokens: message?.completionTokens ?? 0,
  };
}

/** Durations as they came; the field is left out where a worker sent none. */
export function fromWireTimings(message: IncomingTimings | null): { readonly timings?: LegTimings } {
  return message ? { timings: message } : {};
}
