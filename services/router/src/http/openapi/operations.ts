/** What each route is for, takes and answers, by method and path as the server has them. */
import { z } from "zod";
import { abortBody } from "../routes/abort-request.ts";
import { busyThresholdBody } from "../routes/busy-threshold.ts";
import { detokenizeBody, tokenizeBody } from "../routes/tokenize.ts";
import { drainBody } from "../routes/workers.ts";
import { chatCompletionBody } from "../schemas/chat-completion-request.ts";
import { completionBody } from "../schemas/completion-request.ts";
import { generateBody } from "../schemas/generate-request.ts";
import {
  anything,
  chatCompletion,
  detokenized,
  generatedAnswer,
  list,
  model,
  status,
  textCompletion,
  tokenized,
  traceLevel,
  workerList,
} from "./answers.ts";

export interface Operation {
  readonly summary: string;
  /** The schema that validates the body. */
  readonly body?: z.ZodType;
  /** Whether the body may be left out. */
  readonly bodyOptional?: true;
  readonly answer: z.ZodType;
  /** Another type of the answer than JSON. */
  readonly type?: string;
  /** Statuses beside 200, with what they say. */
  readonly also?: Readonly<Record<number, string>>;
  readonly query?: Readonly<Record<string, z.ZodType>>;
}

const NOT_READY = { 503: "Not now: the body says why" };
const NO_WORKER = {
  404: "There is no worker of this id",
  503: "The worker or the registry cannot be reached",
};

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /v1/chat/completions": {
    summary: "Answer a conversation",
    body: chatCompletionBody,
    answer: chatCompletion,
  },
  "POST /v1/completions": { summary: "Go on with texts", body: completionBody, answer: textCompletion },
  "POST /generate": {
    summary: "Go on with texts or token ids, as SGLang's engine does",
    body: generateBody,
    answer: generatedAnswer,
  },
  "POST /v1/tokenize": { summary: "The tokens of texts", body: tokenizeBody, answer: tokenized },
  "POST /v1/detokenize": { summary: "The text of tokens", body: detokenizeBody, answer: detokenized },
  "GET /v1/models": { summary: "The models that are served", answer: list },
  "GET /v1/models/*": { summary: "One model", answer: model, also: { 404: "It is not served" } },
  "GET /model_info": { summary: "What is served, and what it does by default", answer: anything },
  "GET /liveness": { summary: "Whether the process runs", answer: status },
  "GET /readiness": { summary: "Whether a request could be served", answer: status, also: NOT_READY },
  "GET /health": { summary: "The same, always with 200", answer: status },
  "GET /health_generate": { summary: "Whether a request gets a token", answer: status, also: NOT_READY },
  "GET /metrics": {
    summary: "What Prometheus scrapes",
    answer: z.string(),
    type: "application/openmetrics-text",
  },
  "GET /openapi.json": { summary: "This document", answer: anything },
  "GET /traces": {
    summary: "The last traces",
    answer: list,
    query: { limit: z.int().min(1).max(1000).optional() },
    also: { 404: "The router keeps no traces" },
  },
  "GET /traces/:id": {
    summary: "A trace by its id or that of its request, as OTLP/JSON",
    answer: anything,
    also: { 404: "There is no such trace" },
  },
  "GET /trace/level": { summary: "How much of each request is recorded", answer: traceLevel },
  "PUT /trace/level": {
    summary: "Record more or less from the next request on",
    body: z.object({ level: z.literal([0, 1, 2, 3]) }),
    answer: traceLevel,
  },
  "GET /busy_threshold": { summary: "From when on workers count as busy", answer: anything },
  "PUT /busy_threshold": {
    summary: "Set from when on workers count as busy",
    body: busyThresholdBody,
    answer: anything,
  },
  "GET /workers": {
    summary: "The workers and how they are, and which are left out of a shared registry",
    answer: workerList,
  },
  "POST /workers/:id/drain": {
    summary: "Have a worker take no new work",
    body: drainBody,
    bodyOptional: true,
    answer: z.object({ id: z.string(), state: z.string(), running: z.int() }),
    also: NO_WORKER,
  },
  "DELETE /workers/:id/drain": {
    summary: "Have a draining worker take work again",
    answer: z.object({ id: z.string(), state: z.string() }),
    also: NO_WORKER,
  },
  "DELETE /workers/:id": {
    summary: "Take a worker out at once",
    answer: z.looseObject({ id: z.string(), removed: z.boolean(), told: z.boolean() }),
    also: NO_WORKER,
  },
  "GET /get_loads": { summary: "What each worker holds now", answer: list },
  "GET /server_info": { summary: "The router's settings without secrets, and its workers", answer: anything },
  "POST /flush_cache": { summary: "Have every worker forget its cached prefixes", answer: list },
  "POST /abort_request": {
    summary: "End a running request, or all",
    body: abortBody,
    answer: z.object({ aborted: z.int() }),
  },
};
