import type { RequestId } from "./ids.ts";

/** How to choose each next token. Complete: defaults are filled in at the HTTP edge. */
export interface SamplingParams {
  /** 0 takes the most likely token (greedy); above 0 divides the logits. */
  readonly temperature: number;
  /** Smallest set of most likely tokens whose probability reaches this is kept; in (0, 1]. */
  readonly topP: number;
  /** Unsigned 64-bit. The token at output index i depends on the logits, `seed` and i alone, whichever worker samples it. */
  readonly seed: bigint;
  /** Most tokens to write, at least 1. */
  readonly maxTokens: number;
  /** Writing one of these ends the generation; the token itself is not part of the text. */
  readonly stopTokenIds: readonly number[];
}

/** What a worker needs to know of a request; workers see token ids only. */
export interface GenerationRequest {
  readonly requestId: RequestId;
  /** At least one token. */
  readonly promptTokenIds: readonly number[];
  readonly sampling: SamplingParams;
  /** Epoch ms after which nobody waits for the answer. */
  readonly deadline: number;
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
  | { readonly type: "tokens"; readonly tokenIds: readonly number[] }
  | { readonly type: "end"; readonly reason: FinishReason; readonly usage: Usage };
