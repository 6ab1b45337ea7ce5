/** How an answer is written in the API: what the two endpoints do differently, and what they share. */
import type { FinishReason, Usage } from "@baton/core";
import type { AnswerToken } from "../pipeline/answer-token.ts";
import type { AnswerEvent } from "../pipeline/choices.ts";
import { randomBytes } from "../random-bytes.ts";
import type { TimingSplit } from "../request-figures.ts";
import { timingObject } from "./timing-header.ts";

/** Writes the objects of one answer. */
export interface AnswerFormat {
  /** `id` of every object. */
  readonly id: string;
  /** The whole answer. */
  complete(choices: readonly WholeChoice[], usage: AnswerUsage): object | readonly object[];
  /** Chunks before the first text of a choice. */
  opening(choice: number): readonly object[];
  text(piece: TextPiece): object;
  closing(end: ChoiceEnd): object;
  /** The chunk that `stream_options.include_usage` asks for, after all others. */
  usage(usage: AnswerUsage): object;
}

/** The token counts of an answer, and where its time went if the client asked. */
export interface AnswerUsage extends Usage {
  readonly timing?: TimingSplit;
}

/** One of the answers to a request, complete. */
export interface WholeChoice {
  readonly text: string;
  /** With log-probabilities, where the request asked for them; else empty. */
  readonly tokens: readonly AnswerToken[];
  /** All of them, up to the end of a stop string. */
  readonly tokenIds: readonly number[];
  readonly calls: readonly WholeCall[];
  readonly reason: FinishReason;
  readonly end: ChoiceEnd;
}

/** A call of a tool, complete. */
export interface WholeCall {
  readonly id: string;
  readonly name: string;
  /** JSON, if the model wrote some. */
  readonly arguments: string;
}

/** How a choice ended. */
export type ChoiceEnd = Extract<AnswerEvent, { type: "end" }>;

/** A piece of a choice's text, and the tokens that begin in it. */
export type TextPiece = Extract<AnswerEvent, { type: "text" }>;

/** What was asked of an answer that shows in its objects. */
export interface FormatOptions {
  /** Every chunk but the last then says that its usage is null, as OpenAI's do. */
  readonly includeUsage: boolean;
  /** Whether log-probabilities were asked for. */
  readonly logprobs: boolean;
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

/** `usage` in OpenAI's shape; `timing` is ours. */
export function usageObject(usage: AnswerUsage) {
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    ...(usage.timing && { timing: timingObject(usage.timing) }),
  };
}
