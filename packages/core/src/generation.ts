import type { RequestId } from "./ids.ts";
import type { LegTimings } from "./leg-timings.ts";

/**
 * How to choose each next token. Complete: defaults are filled in at the HTTP edge. `NEUTRAL_SAMPLING` has the values
 * that change nothing. Applied in this order: `logitBias`, `minTokens`, penalties, `temperature`, `minP`, `topK`, `topP`.
 */
export interface SamplingParams {
  /** 0 takes the most likely token (greedy); above 0 divides the logits. */
  readonly temperature: number;
  /** Smallest set of most likely tokens whose probability reaches this is kept; in (0, 1]. */
  readonly topP: number;
  /** So many most likely tokens are kept; 0 keeps all. */
  readonly topK: number;
  /** Tokens less likely than this share of the most likely one's probability are dropped; in [0, 1]. */
  readonly minP: number;
  /** Above 0. Divides positive logits of tokens that the prompt or the answer has, and multiplies negative ones. */
  readonly repetitionPenalty: number;
  /** Subtracted from the logit of every token that the answer has. */
  readonly presencePenalty: number;
  /** Subtracted from a token's logit for each time that the answer has it. */
  readonly frequencyPenalty: number;
  /** Added to the logits of single tokens, each of which is named once. */
  readonly logitBias: readonly TokenBias[];
  /** Unsigned 64-bit. The token at output index i depends on the logits, the tokens before it, `seed` and i alone. */
  readonly seed: bigint;
  /** Most tokens to write, at least 1. */
  readonly maxTokens: number;
  /** So many tokens are written before a stop token may be; at most `maxTokens`. */
  readonly minTokens: number;
  /** Writing one of these ends the generation; the token itself is not part of the text. */
  readonly stopTokenIds: readonly number[];
  /** Present: report each token's log-probability, and those of so many most likely tokens; at most `MAX_TOP_LOGPROBS`. */
  readonly topLogprobs?: number;
  /**
   * Present: the answer's text is one that this grammar allows, unless `maxTokens` cuts it short; stop tokens come only
   * where it is complete. EBNF as XGrammar reads it, at most `MAX_GRAMMAR_LENGTH` characters, start rule `root`.
   */
  readonly grammar?: string;
}

/** What is added to one token's logit. */
export interface TokenBias {
  readonly tokenId: number;
  readonly bias: number;
}

/** Parameters that leave the model's distribution as it is, and one token to draw from it. */
export const NEUTRAL_SAMPLING: SamplingParams = {
  temperature: 1,
  topP: 1,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
  seed: 0n,
  maxTokens: 1,
  minTokens: 0,
  stopTokenIds: [],
};

/** Most characters of a grammar. */
export const MAX_GRAMMAR_LENGTH = 262_144;

/** Most alternatives whose log-probabilities a request may ask for. */
export const MAX_TOP_LOGPROBS = 20;

/** A chosen token. */
export interface SampledToken {
  readonly tokenId: number;
  /** Where the request asked for them. */
  readonly logprobs?: TokenLogprobs;
}

/**
 * Natural logarithms of probabilities in the model's own distribution, before any sampling parameter; float32, at least
 * `MIN_LOGPROB`.
 */
export interface TokenLogprobs {
  /** Of the chosen token. */
  readonly logprob: number;
  /** The most likely tokens, most likely first; the chosen one may be among them. */
  readonly top: readonly { readonly tokenId: number; readonly logprob: number }[];
}

/** Stands for every smaller log-probability, minus infinity included, which JSON cannot say. */
export const MIN_LOGPROB = -9999;

/** What a worker needs to know of a request; workers see token ids only. */
export interface GenerationRequest {
  readonly requestId: RequestId;
  /** At least one token. */
  readonly promptTokenIds: readonly number[];
  /**
   * How the answer begins, where another worker wrote its beginning: the next token is at output index
   * `answeredTokenIds.length`, below `maxTokens`. Everything that is said of an answer, such as `sampling` and `Usage`,
   * counts these tokens in; only what follows them is streamed.
   */
  readonly answeredTokenIds?: readonly number[];
  readonly sampling: SamplingParams;
  /** A request of the cluster itself, to see whether workers work: in no trace, and in no metric of requests. */
  readonly probe?: true;
  /** Epoch ms after which nobody waits for the answer. */
  readonly deadline: number;
}

/** The tokens whose KV must be there before the next one can be chosen: the prompt, then the answer so far. */
export function contextOf(request: {
  readonly promptTokenIds: readonly number[];
  readonly answeredTokenIds?: readonly number[];
}): readonly number[] {
  const { promptTokenIds, answeredTokenIds = [] } = request;
  return answeredTokenIds.length === 0 ? promptTokenIds : [...promptTokenIds, ...answeredTokenIds];
}

/** Why a generation ended well: a stop token or string, or a length limit. */
export type FinishReason = "stop" | "length";

/** Token counts of one request. */
export interface Usage {
  readonly promptTokens: number;
  /** Part of the prompt whose KV was found in the prefix cache. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** What a decode worker streams: token segments, then one end. */
export type GenerationEvent =
  | {
      readonly type: "tokens";
      readonly tokenIds: readonly number[];
      /** One for each token, where the request asked for them. */
      readonly logprobs?: readonly TokenLogprobs[];
    }
  | {
      readonly type: "end";
      readonly reason: FinishReason;
      readonly usage: Usage;
      readonly timings?: LegTimings;
    };
