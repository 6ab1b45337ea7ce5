/** Answers of `POST /v1/completions`. */
import type { FinishReason } from "@baton/core";
import type { AnswerToken } from "../pipeline/answer-token.ts";
import { type AnswerFormat, type AnswerIdentity, type FormatOptions, usageObject } from "./answer-format.ts";

interface Piece {
  readonly text: string;
  readonly tokens: readonly AnswerToken[];
  readonly reason: FinishReason | null;
}

export function completionFormat(identity: AnswerIdentity, options: FormatOptions): AnswerFormat {
  const choiceObject = ({ text, tokens, reason }: Piece, index: number) => ({
    index,
    text,
    logprobs: options.logprobs ? logprobsObject(tokens) : null,
    finish_reason: reason,
  });
  const chunk = (choice: number, piece: Piece) => ({
    ...identity,
    object: "text_completion",
    choices: [choiceObject(piece, choice)],
    ...(options.includeUsage && { usage: null }),
  });
  return {
    id: identity.id,
    complete: (choices, usage) => ({
      ...identity,
      object: "text_completion",
      choices: choices.map(choiceObject),
      usage: usageObject(usage),
    }),
    opening: () => [],
    text: ({ choice, text, tokens }) => chunk(choice, { text, tokens, reason: null }),
    closing: ({ choice, reason }) => chunk(choice, { text: "", tokens: [], reason }),
    usage: (usage) => ({ ...identity, object: "text_completion", choices: [], usage: usageObject(usage) }),
  };
}

/** The chosen token is always among `top_logprobs`, which may so have one more than was asked for. */
function logprobsObject(tokens: readonly AnswerToken[]) {
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map((token) =>
      Object.fromEntries([...token.top, token].map(({ text, logprob }) => [text, logprob])),
    ),
    text_offset: tokens.map(({ offset }) => offset),
  };
}
