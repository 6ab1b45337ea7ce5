/** grpc-js handlers over our services: messages in, messages out, errors as statuses. */
import {
  BatonError,
  type FeedUpdate,
  type GenerationEvent,
  type Logger,
  requestId,
  type TraceFields,
} from "@baton/core";
import type { handleServerStreamingCall, handleUnaryCall } from "@grpc/grpc-js";
import { trace as traceApi } from "@opentelemetry/api";
import type { CallLife } from "./call-life.ts";
import { toWireStatus } from "./control-messages.ts";
import type { ControlService } from "./control-service.ts";
import { fromGenerateRequest, toGenerateEvent } from "./decode-messages.ts";
import type { DecodeService } from "./decode-service.ts";
import { fromFollowRequest, toFeedUpdate } from "./feed-messages.ts";
import type { FeedService } from "./feed-service.ts";
import { MAX_ID_LENGTH, text } from "./fields.ts";
import type { DecodeWorkerHandlers } from "./generated/baton/v1/DecodeWorker.ts";
import type { PrefillWorkerHandlers } from "./generated/baton/v1/PrefillWorker.ts";
import type { WorkerControlHandlers } from "./generated/baton/v1/WorkerControl.ts";
import type { WorkerFeedHandlers } from "./generated/baton/v1/WorkerFeed.ts";
import { fromWireAttempt } from "./generation-messages.ts";
import type { IncomingCalls } from "./incoming-calls.ts";
import { writePaced } from "./paced-writes.ts";
import { fromPrefillRequest, toPrefillResponse } from "./prefill-messages.ts";
import type { PrefillService } from "./prefill-service.ts";
import { type StatusError, toStatusError } from "./status.ts";

/** What every handler needs. */
export interface HandlerContext {
  readonly calls: IncomingCalls;
  readonly logger: Logger;
}

export function prefillHandlers(service: PrefillService, context: HandlerContext): PrefillWorkerHandlers {
  return {
    Prefill: unary(context, async (message, life) => {
      context.calls.assertOpen();
      return toPrefillResponse(await service.prefill(fromPrefillRequest(message, life)));
    }),
  };
}

export function decodeHandlers(service: DecodeService, context: HandlerContext): DecodeWorkerHandlers {
  return {
    Generate: serverStream(context, (message, life) => {
      context.calls.assertOpen();
      return toEventMessages(service.generate(fromGenerateRequest(message, life)));
    }),
    Stop: unary(context, async (message) => {
      service.stop(
        requestId(text("request_id", message.requestId, MAX_ID_LENGTH)),
        fromWireAttempt(message.attempt),
      );
      return {};
    }),
  };
}

export function controlHandlers(service: ControlService, context: HandlerContext): WorkerControlHandlers {
  return {
    GetStatus: unary(context, async () => toWireStatus(service.status())),
    FlushCache: unary(context, async () => service.flushCache()),
    Drain: unary(context, async ({ deadlineMs, stop }) => ({
      running: service.drain({ stop, ...(deadlineMs !== undefined && { deadlineMs }) }),
    })),
    Resume: unary(context, async () => {
      service.resume();
      return {};
    }),
  };
}

export function feedHandlers(service: FeedService, context: HandlerContext): WorkerFeedHandlers {
  return {
    Follow: serverStream(context, (message, life) => {
      context.calls.assertOpen();
      return toFeedMessages(service.follow(fromFollowRequest(message, life)));
    }),
  };
}

async function* toEventMessages(events: AsyncIterable<GenerationEvent>) {
  for await (const event of events) yield toGenerateEvent(event);
}

async function* toFeedMessages(updates: AsyncIterable<FeedUpdate>) {
  for await (const update of updates) yield toFeedUpdate(update);
}

function unary<Request, Reply>(
  { calls, logger }: HandlerContext,
  work: (message: Request, life: CallLife) => Promise<Reply>,
): handleUnaryCall<Request, Reply> {
  return (call, callback) => {
    const trace = activeTrace();
    calls
      .unary(call, (life) => work(call.request, life))
      .then(
        (reply) => callback(null, reply),
        (reason: unknown) => callback(statusError(reason, { method: call.getPath(), ...trace }, logger)),
      );
  };
}

function serverStream<Request, Reply>(
  { calls, logger }: HandlerContext,
  work: (message: Request, life: CallLife) => AsyncIterable<Reply>,
): handleServerStreamingCall<Request, Reply> {
  return (call) => {
    const trace = activeTrace();
    calls
      .stream(call, (life) => writePaced(call, work(call.request, life)))
      .then(
        () => call.end(),
        (reason: unknown) =>
          call.emit("error", statusError(reason, { method: call.getPath(), ...trace }, logger)),
      );
  };
}

/** The ids of the server span, which is active when a handler is called. */
function activeTrace(): TraceFields {
  const context = traceApi.getActiveSpan()?.spanContext();
  return context ? { trace_id: context.traceId, span_id: context.spanId } : {};
}

/** What the caller is told; what only we can explain goes into the log as well. */
function statusError(reason: unknown, fields: object, logger: Logger): StatusError {
  const error = BatonError.from(reason);
  if (error.code === "internal") logger.error({ ...fields, err: error }, "Call failed");
  return toStatusError(error);
}
