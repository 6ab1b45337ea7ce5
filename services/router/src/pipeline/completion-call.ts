/** A client's call after validation, whichever endpoint it came through. Absent fields take the model's defaults. */
import type { RequestId, TokenBias } from "@baton/core";
import type { ChatMessage } from "@baton/tokenizer";
import type { TraceNode } from "@baton/tracing";
import type { RequestFigures } from "../request-figures.ts";

/** What the answer is to continue. */
export type Prompt =
  | { readonly kind: "chat"; readonly messages: readonly ChatMessage[] }
  | { readonly kind: "text"; readonly text: string };

export interface CompletionCall {
  readonly model: string;
  readonly prompt: Prompt;
  /** Answers to write. */
  readonly n: number;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  /** 0 keeps all tokens. */
  readonly topK: number | undefined;
  readonly minP: number | undefined;
  readonly repetitionPenalty: number | undefined;
  readonly presencePenalty: number | undefined;
  readonly frequencyPenalty: number | undefined;
  readonly logitBias: readonly TokenBias[];
  /** Unsigned 64-bit. */
  readonly seed: bigint | undefined;
  readonly maxTokens: number | undefined;
  readonly minTokens: number | undefined;
  /** Whether to write on where the model would end. */
  readonly ignoreEos: boolean;
  /** Tokens that end the answer, beside the model's own. */
  readonly stopTokenIds: readonly number[];
  /** How many of the most likely tokens to report with each token; absent: no log-probabilities at all. */
  readonly topLogprobs: number | undefined;
  /** Texts that end the answer and are not part of it. */
  readonly stop: readonly string[];
}

/** What goes with a request through every step. */
export interface RequestContext {
  readonly id: RequestId;
  /** The root of the request's tree. */
  readonly trace: TraceNode;
  readonly figures: RequestFigures;
  /** Aborts with a BatonError when the client leaves, the deadline passes or the router stops. */
  readonly signal: AbortSignal;
  /** Epoch ms. */
  readonly deadline: number;
  /** Requests of one key go to one worker, where the policy is to. */
  readonly affinityKey: string | undefined;
}
