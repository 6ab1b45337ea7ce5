/** PrefillRequest and PrefillResponse ↔ domain. */

import type { CallLife } from "./call-life.ts";
import type { PrefillRequest, PrefillRequest__Output } from "./generated/baton/v1/PrefillRequest.ts";
import type { PrefillResponse, PrefillResponse__Output } from "./generated/baton/v1/PrefillResponse.ts";
import {
  fromWireAttempt,
  fromWireRequest,
  fromWireRoom,
  fromWireTimings,
  fromWireTraceHeader,
  fromWireUsage,
  toWireRequest,
} from "./generation-messages.ts";
import type { PrefillCall, PrefillResult } from "./prefill-service.ts";

export function toPrefillRequest(call: Omit<PrefillCall, "signal">): PrefillRequest {
  return {
    ...toWireRequest(call.request),
    bootstrapRoom: call.room.toString(),
    attempt: call.attempt,
    externalTraceHeader: call.header ?? null,
  };
}

/** @throws BatonError `invalid_argument` naming the field. */
export function fromPrefillRequest(message: PrefillRequest__Output, life: CallLife): PrefillCall {
  return {
    request: fromWireRequest(message, life.deadline),
    room: fromWireRoom("bootstrap_room", message.bootstrapRoom),
    attempt: fromWireAttempt(message.attempt),
    header: fromWireTraceHeader(message.externalTraceHeader),
    signal: life.signal,
  };
}

export function toPrefillResponse(result: PrefillResult): PrefillResponse {
  const { usage, firstTokenId, kvBytes, timings = null } = result;
  return { usage, firstTokenId, kvBytes: String(kvBytes), timings };
}

export function fromPrefillResponse(message: PrefillResponse__Output): PrefillResult {
  return {
    usage: fromWireUsage(message.usage),
    firstTokenId: message.firstTokenId,
    kvBytes: Number(message.kvBytes),
    ...fromWireTimings(message.timings),
  };
}
