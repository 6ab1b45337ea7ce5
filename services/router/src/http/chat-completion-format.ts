/** Answers of `POST /v1/chat/completions`. */
import type { FinishReason } from "@baton/core";
import type { AnswerToken, ScoredToken } from "../pipeline/answer-token.ts";
import type { ToolCallPiece } from "../pipeline/respond.ts";
import {
  type AnswerFormat,
  type AnswerIdentity,
  type FormatOptions,
  usageObject,
  type WholeCall,
  type WholeChoice,
} from "./answer-format.ts";

export function chatCompletionFormat(identity: AnswerIdentity, options: FormatOptions): AnswerFormat {
  const logprobsOf = (tokens: readonly AnswerToken[]) =>
    options.logprobs ? { content: tokens.map(tokenObject), refusal: null } : null;
  const chunk = (
    index: number,
    delta: object,
    logprobs: object | null = null,
    finish_reason: ChatFinishReason | null = null,
  ) => ({
    ...identity,
    object: "chat.completion.chunk",
    choices: [{ index, delta, logprobs, finish_reason }],
    ...(options.includeUsage && { usage: null }),
  });
  const whole = ({ text, tokens, calls, reason }: WholeChoice, index: number) => ({
    index,
    message: {
      role: "assistant",
      content: calls.length > 0 && text === "" ? null : text,
      ...(calls.length > 0 && { tool_calls: calls.map(callObject) }),
      refusal: null,
      annotations: [],
    },
    logprobs: logprobsOf(tokens),
    finish_reason: finishReason(reason, calls.length > 0),
  });
  /** Choices whose answer has called a tool. */
  const calling = new Set<number>();
  return {
    id: identity.id,
    complete: (choices, usage) => ({
      ...identity,
      object: "chat.completion",
      choices: choices.map(whole),
      usage: usageObject(usage),
    }),
    opening: (choice) => [chunk(choice, { role: "assistant", content: "", refusal: null })],
    text: ({ choice, text, tokens, calls }) => {
      if (!calls) return chunk(choice, { content: text }, logprobsOf(tokens));
      calling.add(choice);
      const delta = { ...(text !== "" && { content: text }), tool_calls: calls.map(callDelta) };
      return chunk(choice, delta, logprobsOf(tokens));
    },
    closing: ({ choice, reason }) => chunk(choice, {}, null, finishReason(reason, calling.has(choice))),
    usage: (usage) => ({
      ...identity,
      object: "chat.completion.chunk",
      choices: [],
      usage: usageObject(usage),
    }),
  };
}

type ChatFinishReason = FinishReason | "tool_calls";

/** An answer that was cut short is not complete, whatever it called. */
function finishReason(reason: FinishReason, calls: boolean): ChatFinishReason {
  return calls && reason === "stop" ? "tool_calls" : reason;
}

function callObject({ id, name, arguments: text }: WholeCall) {
  return { id, type: "function", function: { name, arguments: text } };
}

function callDelta({ index, id, name, arguments: text }: ToolCallPiece) {
  return id === undefined
    ? { index, function: { arguments: text } }
    : { index, id, type: "function", function: { name, arguments: text } };
}

function tokenObject(token: AnswerToken) {
  return { ...scoredObject(token), top_logprobs: token.top.map(scoredObject) };
}

function scoredObject({ text, bytes, logprob }: ScoredToken) {
  return { token: text, logprob, bytes };
}
