/** Answers of `POST /v1/chat/completions`. */
import type { FinishReason } from "@baton/core";
import type { AnswerToken, ScoredToken } from "../pipeline/answer-token.ts";
import {
  type AnswerFormat,
  type AnswerIdentity,
  type FormatOptions,
  usageObject,
  type WholeChoice,
} from "./answer-format.ts";

export function chatCompletionFormat(identity: AnswerIdentity, options: FormatOptions): AnswerFormat {
  const logprobsOf = (tokens: readonly AnswerToken[]) =>
    options.logprobs ? { content: tokens.map(tokenObject), refusal: null } : null;
  const chunk = (
    index: number,
    delta: object,
    logprobs: object | null = null,
    finish_reason: FinishReason | null = null,
  ) => ({
    ...identity,
    object: "chat.completion.chunk",
    choices: [{ index, delta, logprobs, finish_reason }],
    ...(options.includeUsage && { usage: null }),
  });
  const whole = ({ text, tokens, reason }: WholeChoice, index: number) => ({
    index,
    message: { role: "assistant", content: text, refusal: null, annotations: [] },
    logprobs: logprobsOf(tokens),
    finish_reason: reason,
  });
  return {
    id: identity.id,
    complete: (choices, usage) => ({
      ...identity,
      object: "chat.completion",
      choices: choices.map(whole),
      usage: usageObject(usage),
    }),
    opening: (choice) => [chunk(choice, { role: "assistant", content: "", refusal: null })],
    text: ({ choice, text, tokens }) => chunk(choice, { content: text }, logprobsOf(tokens)),
    closing: ({ choice, reason }) => chunk(choice, {}, null, reason),
    usage: (usage) => ({
      ...identity,
      object: "chat.completion.chunk",
      choices: [],
      usage: usageObject(usage),
    }),
  };
}

function tokenObject(token: AnswerToken) {
  return { ...scoredObject(token), top_logprobs: token.top.map(scoredObject) };
}

function scoredObject({ text, bytes, logprob }: ScoredToken) {
  return { token: text, logprob, bytes };
}
