/** `POST /v1/completions`. */
import { BatonError, systemClock } from "@baton/core";
import type { FastifyInstance } from "fastify";
import { answerIdentity, type ModelIdentity } from "../answer-format.ts";
import { completionFormat } from "../completion-format.ts";
import { type CompletionRequest, parseCompletionRequest } from "../schemas/completion-request.ts";
import { assertAnswers, promptsOf } from "../schemas/prompt-field.ts";
import { deliveryOf, samplingOf } from "../schemas/sampling-fields.ts";
import { type CompletionParts, type ParsedCompletion, serveCompletion } from "../serve-completion.ts";

export function addCompletions(app: FastifyInstance, parts: CompletionParts): void {
  app.post("/v1/completions", { config: { traced: true } }, (request, reply) =>
    serveCompletion(request, reply, parts, (body) => parse(body, parts.model)),
  );
}

/** What OpenAI's API writes when it is not told otherwise. */
const DEFAULT_MAX_TOKENS = 16;

function parse(body: unknown, model: ModelIdentity): ParsedCompletion {
  const request = parseCompletionRequest(body);
  const prompts = promptsOf("prompt", request.prompt);
  assertAnswers("prompt", prompts.length, request.n ?? 1);
  const delivery = deliveryOf(request);
  return {
    call: {
      ...samplingOf(request),
      topLogprobs: topLogprobs(request),
      defaultMaxTokens: DEFAULT_MAX_TOKENS,
      echo: request.echo ?? false,
      prompts,
    },
    format: completionFormat(answerIdentity("cmpl", model, systemClock.now()), {
      includeUsage: delivery.includeUsage,
      logprobs: request.logprobs != null,
    }),
    ...delivery,
  };
}

/** With `echo` OpenAI's API gives the log-probabilities of the prompt as well, which the engine does not compute. */
function topLogprobs({ logprobs, echo }: CompletionRequest): number | undefined {
  if (logprobs != null && echo) {
    throw new BatonError(
      "invalid_argument",
      'Cannot use "echo" with "logprobs": log-probabilities of the prompt are not supported, expected one of the two to be left out',
      { param: "echo" },
    );
  }
  return logprobs ?? undefined;
}
