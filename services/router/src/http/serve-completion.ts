/** What the two completion endpoints have in common: from a parsed request to an ended one. */
import { BatonError } from "@baton/core";
import type { ToolFormat } from "@baton/grammar";
import { ATTR, type Attributes } from "@baton/tracing";
import type { FastifyReply, FastifyRequest } from "fastify";
import { ApiError } from "../api-error.ts";
import type { InFlightRequests } from "../in-flight-requests.ts";
import type { CompletionCall } from "../pipeline/completion-call.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { TimingSplit } from "../request-figures.ts";
import type { AnswerFormat, ModelIdentity } from "./answer-format.ts";
import type { RequestScope } from "./request-scope.ts";
import { type RoutingOverrides, refused } from "./routing-wishes.ts";
import { type AnswerOutcome, sendStream, sendWhole } from "./send-answer.ts";
import { TIMING_HEADER } from "./timing-header.ts";
import { recordAnswers, recordPrompts } from "./trace-content.ts";

export interface CompletionParts {
  readonly pipeline: Pipeline;
  readonly model: ModelIdentity;
  /** How the model calls tools; undefined where it cannot. */
  readonly toolFormat: ToolFormat | undefined;
  readonly inFlight: InFlightRequests;
  /** Whether a request may have a priority. */
  readonly routingOverrides: RoutingOverrides;
  /** Puts prompts and answers into traces. */
  readonly traceContent: boolean;
}

/** A request as its endpoint understood it. */
export interface ParsedCompletion {
  readonly call: CompletionCall;
  readonly format: AnswerFormat;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly includeTiming: boolean;
  /** The client's name for its user. */
  readonly user: string | undefined;
}

/** Parses, answers and ends the request; errors before the first byte are thrown, for the server's error handler. */
export async function serveCompletion(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: CompletionParts,
  parse: (body: unknown) => ParsedCompletion,
): Promise<FastifyReply> {
  const scope = request.scope!;
  scope.take();
  try {
    const parsed = parse(request.body);
    const outcome = await answer(scope, reply, parts, asksForTiming(request) ? timed(parsed) : parsed);
    scope.end({
      usage: outcome.usage,
      attributes: { ...outcomeAttributes(outcome, parts.model), ...latencyAttributes(scope.figures.split()) },
    });
  } catch (reason) {
    const error = BatonError.from(scope.signal.aborted ? scope.signal.reason : reason);
    scope.end({ error });
    if (!reply.sent) throw error;
  }
  return reply;
}

async function answer(
  scope: RequestScope,
  reply: FastifyReply,
  parts: CompletionParts,
  parsed: ParsedCompletion,
): Promise<AnswerOutcome> {
  const { call } = parsed;
  scope.trace.setAttributes(requestAttributes(parsed));
  if (call.priority && parts.routingOverrides === "refuse") throw refused('"priority"', "priority");
  parts.inFlight.assertOpen();
  assertModel(call.model, parts.model.name);
  scope.figures.model(parts.model.name);
  if (parts.traceContent) recordPrompts(scope.trace, call.prompts);
  const answers = parts.pipeline(call, scope);
  const events = parts.traceContent ? recordAnswers(scope.trace, answers) : answers;
  const options = { ...parsed, reply, scope };
  return parsed.stream ? sendStream(events, options) : sendWhole(events, options);
}

function asksForTiming(request: FastifyRequest): boolean {
  return request.headers[TIMING_HEADER] === "1";
}

/** Timing is part of the usage, which a stream then has at its end. */
function timed(parsed: ParsedCompletion): ParsedCompletion {
  return { ...parsed, includeUsage: true, includeTiming: true };
}

/** @throws ApiError for another model than the one served */
export function assertModel(asked: string, served: string): void {
  if (asked !== served) throw modelNotFound(asked, served);
}

export function modelNotFound(asked: string, served: string): ApiError {
  return new ApiError(
    "not_found",
    "model_not_found",
    `Cannot find the model "${asked}": this router serves "${served}"`,
    { param: "model" },
  );
}

function requestAttributes({ call, format, stream, user }: ParsedCompletion): Attributes {
  return {
    [ATTR.requestModel]: call.model,
    [ATTR.maxTokens]: call.maxTokens,
    [ATTR.temperature]: call.temperature,
    [ATTR.topP]: call.topP,
    [ATTR.topK]: call.topK,
    [ATTR.frequencyPenalty]: call.frequencyPenalty,
    [ATTR.presencePenalty]: call.presencePenalty,
    [ATTR.stopSequences]: call.stop.length > 0 ? call.stop : undefined,
    // Within what a double can say exactly.
    [ATTR.seed]: call.seed === undefined || call.seed > MAX_EXACT ? undefined : Number(call.seed),
    [ATTR.choices]: call.n,
    [ATTR.stream]: stream,
    [ATTR.responseId]: format.id,
    [ATTR.userId]: user,
  };
}

const MAX_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

function outcomeAttributes({ reasons, usage }: AnswerOutcome, model: ModelIdentity): Attributes {
  return {
    [ATTR.responseModel]: model.name,
    [ATTR.finishReasons]: reasons,
    [ATTR.promptTokens]: usage.promptTokens,
    [ATTR.completionTokens]: usage.completionTokens,
    [ATTR.cachedTokens]: usage.cachedTokens,
  };
}

/** In seconds. */
function latencyAttributes(split: TimingSplit): Attributes {
  return {
    [ATTR.timeInQueue]: (split.queueMs + split.prefillWaitMs + split.decodeWaitMs) / 1000,
    [ATTR.timeToFirstToken]: split.firstTokenMs / 1000,
    [ATTR.timeEndToEnd]: split.totalMs / 1000,
    [ATTR.timeInPrefill]: split.prefillMs / 1000,
    [ATTR.timeInDecode]: split.decodeMs / 1000,
  };
}
