/** Answers of `POST /generate`, in SGLang's shape. A streamed answer says all of the text so far with each event. */
import type { AnswerToken, ScoredToken } from "../pipeline/answer-token.ts";
import type { AnswerFormat, ChoiceEnd, WholeChoice } from "./answer-format.ts";

/** What was asked of the answer that shows in its objects. */
export interface GenerateFormatOptions {
  /** The request's own id. */
  readonly id: string;
  /** Whether the request had a list of prompts, or asks for several choices: then its answer is a list. */
  readonly several: boolean;
  readonly logprobs?: {
    /** So many of the most likely tokens with each token. */
    readonly top: number;
    /** Whether tokens are told by their text as well. */
    readonly text: boolean;
  };
  /** Since the request's arrival, in ms. */
  readonly elapsedMs: () => number;
}

/** A choice so far; without an end it goes on. */
type Choice = Pick<WholeChoice, "text" | "tokens" | "tokenIds"> & { readonly end?: ChoiceEnd };

interface GrowingChoice {
  text: string;
  readonly tokens: AnswerToken[];
  readonly tokenIds: number[];
}

export function generateFormat(options: GenerateFormatOptions): AnswerFormat {
  const growing: GrowingChoice[] = [];
  const grown = (choice: number): GrowingChoice => {
    growing[choice] ??= { text: "", tokens: [], tokenIds: [] };
    return growing[choice];
  };
  const streamed = (index: number, choice: Choice) => ({
    ...choiceObject(choice, index, options),
    ...(options.several && { index }),
  });
  return {
    id: options.id,
    complete: (choices) => {
      const objects = choices.map((choice, index) => choiceObject(choice, index, options));
      return options.several ? objects : objects[0]!;
    },
    opening: () => [],
    text: ({ choice, text, tokens, tokenIds }) => {
      const so = grown(choice);
      so.text += text;
      so.tokens.push(...tokens);
      so.tokenIds.push(...tokenIds);
      return streamed(choice, so);
    },
    closing: (end) => {
      const so = grown(end.choice);
      so.tokenIds.push(...end.tokenIds);
      return streamed(end.choice, { ...so, end });
    },
    usage: () => ({}),
  };
}

function choiceObject(choice: Choice, index: number, options: GenerateFormatOptions) {
  const { text, tokens, tokenIds, end } = choice;
  return {
    text,
    output_ids: tokenIds,
    meta_info: {
      id: index === 0 ? options.id : `${options.id}#${index}`,
      finish_reason: end ? finishReason(end) : null,
      ...(end && { prompt_tokens: end.usage.promptTokens }),
      completion_tokens: end ? end.usage.completionTokens : tokenIds.length,
      ...(end && { cached_tokens: end.usage.cachedTokens }),
      e2e_latency: options.elapsedMs() / 1000,
      ...(options.logprobs && logprobsObject(tokens, options.logprobs)),
    },
  };
}

function finishReason({ reason, usage, matched }: ChoiceEnd) {
  if (reason === "length") return { type: reason, length: usage.completionTokens };
  return { type: reason, ...(matched !== undefined && { matched }) };
}

/** Triples of log-probability, token id, and its text or null. */
function logprobsObject(
  tokens: readonly AnswerToken[],
  { top, text }: NonNullable<GenerateFormatOptions["logprobs"]>,
) {
  const triple = (token: ScoredToken) => [token.logprob, token.id, text ? token.text : null];
  return {
    input_token_logprobs: [],
    output_token_logprobs: tokens.map(triple),
    ...(top > 0 && {
      input_top_logprobs: [],
      output_top_logprobs: tokens.map((token) => token.top.map(triple)),
    }),
  };
}
