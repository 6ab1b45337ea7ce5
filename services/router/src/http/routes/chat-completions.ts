/** `POST /v1/chat/completions`. */
import { BatonError, systemClock } from "@baton/core";
import type { FastifyInstance } from "fastify";
import { answerIdentity } from "../answer-format.ts";
import { chatCompletionFormat } from "../chat-completion-format.ts";
import {
  type ChatCompletionRequest,
  parseChatCompletionRequest,
} from "../schemas/chat-completion-request.ts";
import { deliveryOf, samplingOf } from "../schemas/sampling-fields.ts";
import { type CompletionParts, type ParsedCompletion, serveCompletion } from "../serve-completion.ts";
import { toolCalling } from "../tool-calling.ts";

export function addChatCompletions(app: FastifyInstance, parts: CompletionParts): void {
  app.post("/v1/chat/completions", { config: { traced: true } }, (request, reply) =>
    serveCompletion(request, reply, parts, (body) => parse(body, parts)),
  );
}

function parse(body: unknown, { model, toolFormat }: CompletionParts): ParsedCompletion {
  const request = parseChatCompletionRequest(body);
  const delivery = deliveryOf(request);
  const { tools, ...calling } = toolCalling(request, toolFormat);
  return {
    call: {
      ...samplingOf(request),
      maxTokens: maxTokens(request),
      topLogprobs: topLogprobs(request),
      ...calling,
      prompts: [{ kind: "chat", messages: request.messages, tools, param: "messages" }],
    },
    format: chatCompletionFormat(answerIdentity("chatcmpl", model, systemClock.now()), {
      includeUsage: delivery.includeUsage,
      logprobs: request.logprobs === true,
    }),
    ...delivery,
  };
}

/** `logprobs` asks for the tokens of the answer, `top_logprobs` for others in their places. */
function topLogprobs({ logprobs, top_logprobs }: ChatCompletionRequest): number | undefined {
  if (top_logprobs && !logprobs) {
    throw new BatonError(
      "invalid_argument",
      'Cannot use "top_logprobs": expected it to be left out unless "logprobs" is true',
      { param: "top_logprobs" },
    );
  }
  return logprobs ? (top_logprobs ?? 0) : undefined;
}

/** `max_tokens` is the old name of `max_completion_tokens`; both may be given if they agree. */
function maxTokens({ max_tokens, max_completion_tokens }: ChatCompletionRequest): number | undefined {
  if (max_tokens != null && max_completion_tokens != null && max_tokens !== max_completion_tokens) {
    throw new BatonError(
      "invalid_argument",
      `Cannot use "max_tokens": it is ${max_tokens}, expected the ${max_completion_tokens} of "max_completion_tokens"`,
      { param: "max_tokens" },
    );
  }
  return max_completion_tokens ?? max_tokens ?? undefined;
}
