/** GenerateRequest and GenerateEvent ↔ domain. */
import { assertNever, BatonError, type GenerationEvent } from "@baton/core";
import type { CallLife } from "./call-life.ts";
import type { GenerateCall, KvHandover } from "./decode-service.ts";
import { inRange, MAX_ID_LENGTH, rejectField, text } from "./fields.ts";
import type { GenerateEvent, GenerateEvent__Output } from "./generated/baton/v1/GenerateEvent.ts";
import type { GenerateRequest, GenerateRequest__Output } from "./generated/baton/v1/GenerateRequest.ts";
import type { KvHandover__Output as IncomingHandover } from "./generated/baton/v1/KvHandover.ts";
import type { Tokens__Output as IncomingTokens } from "./generated/baton/v1/Tokens.ts";
import {
  fromWireAttempt,
  fromWireRequest,
  fromWireRoom,
  fromWireTimings,
  fromWireTraceHeader,
  fromWireUsage,
  toWireRequest,
} from "./generation-messages.ts";
import { fromWireLogprobs, toWireLogprobs } from "./sampling-messages.ts";

export function toGenerateRequest(call: Omit<GenerateCall, "signal">): GenerateRequest {
  const { handover } = call;
  return {
    ...toWireRequest(call.request),
    handover: handover
      ? { host: handover.host, port: handover.port, bootstrapRoom: handover.room.toString() }
      : null,
    attempt: call.attempt,
    externalTraceHeader: call.header ?? null,
  };
}

/** @throws BatonError `invalid_argument` naming the field. */
export function fromGenerateRequest(message: GenerateRequest__Output, life: CallLife): GenerateCall {
  return {
    request: fromWireRequest(message, life.deadline),
    ...(message.handover && { handover: fromWireHandover(message.handover) }),
    attempt: fromWireAttempt(message.attempt),
    header: fromWireTraceHeader(message.externalTraceHeader),
    signal: life.signal,
  };
}

function fromWireHandover(message: IncomingHandover): KvHandover {
  return {
    host: text("handover.host", message.host, MAX_ID_LENGTH),
    port: inRange("handover.port", message.port, 1, 65535),
    room: fromWireRoom("handover.bootstrap_room", message.bootstrapRoom),
  };
}

export function toGenerateEvent(event: GenerationEvent): GenerateEvent {
  switch (event.type) {
    case "tokens":
      return {
        tokens: {
          tokenIds: event.tokenIds as number[], // Only read.
          logprobs: event.logprobs?.map(toWireLogprobs) ?? [],
        },
      };
    case "end":
      return { end: { finishReason: event.reason, usage: event.usage, timings: event.timings ?? null } };
    default:
      return assertNever(event);
  }
}

/** @throws BatonError `internal` for an event that this version does not know. */
export function fromGenerateEvent(message: GenerateEvent__Output): GenerationEvent {
  if (message.tokens) return fromTokens(message.tokens);
  const reason = message.end?.finishReason;
  if (message.end && (reason === "stop" || reason === "length")) {
    return {
      type: "end",
      reason,
      usage: fromWireUsage(message.end.usage),
      ...fromWireTimings(message.end.timings),
    };
  }
  throw new BatonError(
    "internal",
    `Cannot read generation event "${message.event}" with finish reason "${reason}": expected tokens, or an end by stop or length`,
  );
}

/** Log-probabilities come for every token or for none. */
function fromTokens({ tokenIds, logprobs }: IncomingTokens): GenerationEvent {
  if (logprobs.length === 0) return { type: "tokens", tokenIds };
  if (logprobs.length !== tokenIds.length) {
    rejectField("logprobs", `${logprobs.length} entries`, `one for each of ${tokenIds.length} tokens`);
  }
  return { type: "tokens", tokenIds, logprobs: logprobs.map(fromWireLogprobs) };
}
