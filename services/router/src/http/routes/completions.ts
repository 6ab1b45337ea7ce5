/** `POST /v1/completions`. */
import { systemClock } from "@baton/core";
import type { FastifyInstance } from "fastify";
import { answerIdentity, type ModelIdentity } from "../answer-format.ts";
import { completionFormat } from "../completion-format.ts";
import { parseCompletionRequest } from "../schemas/completion-request.ts";
import { deliveryOf, samplingOf } from "../schemas/sampling-fields.ts";
import { type CompletionParts, type ParsedCompletion, serveCompletion } from "../serve-completion.ts";

export function addCompletions(app: FastifyInstance, parts: CompletionParts): void {
  app.post("/v1/completions", { config: { traced: true } }, (request, reply) =>
    serveCompletion(request, reply, parts, (body) => parse(body, parts.model)),
  );
}

function parse(body: unknown, model: ModelIdentity): ParsedCompletion {
  const request = parseCompletionRequest(body);
  const delivery = deliveryOf(request);
  return {
    call: {
      ...samplingOf(request),
      topLogprobs: request.logprobs ?? undefined,
      prompt: { kind: "text", text: request.prompt },
    },
    format: completionFormat(answerIdentity("cmpl", model, systemClock.now()), {
      includeUsage: delivery.includeUsage,
      logprobs: request.logprobs != null,
    }),
    ...delivery,
  };
}
