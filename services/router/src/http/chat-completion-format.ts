/** Answers of `POST /v1/chat/completions`. */
import type { FinishReason } from "@baton/core";
import { type AnswerFormat, type AnswerIdentity, usageObject } from "./answer-format.ts";

/** @param withUsage every chunk but the last then says that its usage is null, as OpenAI's do */
export function chatCompletionFormat(identity: AnswerIdentity, withUsage: boolean): AnswerFormat {
  const chunk = (delta: object, reason: FinishReason | null) => ({
    ...identity,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    ...(withUsage && { usage: null }),
  });
  return {
    id: identity.id,
    complete: (text, reason, usage) => ({
      ...identity,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: text, refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: reason,
        },
      ],
      usage: usageObject(usage),
    }),
    opening: () => [chunk({ role: "assistant", content: "", refusal: null }, null)],
    text: (text) => chunk({ content: text }, null),
    closing: (reason) => chunk({}, reason),
    usage: (usage) => ({
      ...identity,
      object: "chat.completion.chunk",
      choices: [],
      usage: usageObject(usage),
    }),
  };
}
