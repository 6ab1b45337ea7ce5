/** How an answer is written in the API: what the two endpoints do differently, and what they share. */
import { randomBytes } from "node:crypto";
import type { FinishReason, Usage } from "@baton/core";

/** Writes the objects of one answer. */
export interface AnswerFormat {
  /** `id` of every object. */
  readonly id: string;
  /** The whole answer. */
  complete(text: string, reason: FinishReason, usage: Usage): object;
  /** Chunks before the first text. */
  opening(): readonly object[];
  text(text: string): object;
  closing(reason: FinishReason): object;
  /** The chunk that `stream_options.include_usage` asks for, after all others. */
  usage(usage: Usage): object;
}

/** What every object of an answer says about itself. */
export interface AnswerIdentity {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

/** What makes answers comparable: the same fingerprint and seed give the same text. */
export interface ModelIdentity {
  readonly name: string;
  /** Hash of the checkpoint, lower-case hex. */
  readonly hash: string;
}

/** @param prefix of the id: `chatcmpl` or `cmpl` */
export function answerIdentity(prefix: string, model: ModelIdentity, now: number): AnswerIdentity {
  return {
    id: `${prefix}-${randomBytes(16).toString("hex")}`,
    created: Math.floor(now / 1000),
    model: model.name,
    system_fingerprint: `fp_${model.hash.slice(0, 12)}`,
  };
}

/** `usage` in OpenAI's shape. */
export function usageObject(usage: Usage) {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  };
}
