/** Answers of `POST /v1/completions`. */
import type { FinishReason } from "@baton/core";
import { type AnswerFormat, type AnswerIdentity, usageObject } from "./answer-format.ts";

/** @param withUsage every chunk but the last then says that its usage is null, as OpenAI's do */
export function completionFormat(identity: AnswerIdentity, withUsage: boolean): AnswerFormat {
  const completion = (text: string, reason: FinishReason | null) => ({
    ...identity,
    object: "text_completion",
    choices: [{ index: 0, text, logprobs: null, finish_reason: reason }],
  });
  const chunk = (text: string, reason: FinishReason | null) => ({
    ...completion(text, reason),
    ...(withUsage && { usage: null }),
  });
  return {
    id: identity.id,
    complete: (text, reason, usage) => ({ ...completion(text, reason), usage: usageObject(usage) }),
    opening: () => [],
    text: (text) => chunk(text, null),
    closing: (reason) => chunk("", reason),
    usage: (usage) => ({ ...identity, object: "text_completion", choices: [], usage: usageObject(usage) }),
  };
}
