/** A client's call after validation, whichever endpoint it came through. Absent fields take the model's defaults. */
import type { RequestId, TokenBias } from "@baton/core";
import type { ToolFormat } from "@baton/grammar";
import type { DisaggregationMode, RouteRequest } from "@baton/routing";
import type { ChatMessage, ChatTool } from "@baton/tokenizer";
import type { TraceNode } from "@baton/tracing";
import type { RequestFigures } from "../request-figures.ts";

/** What an answer is to continue; `param` is the request field that it came in, for error messages. */
export type Prompt = { readonly param: string } & (
  | { readonly kind: "chat"; readonly messages: readonly ChatMessage[]; readonly tools?: readonly ChatTool[] }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "tokens"; readonly tokenIds: readonly number[] }
);

/** What an endpoint calls the parameters that only the pipeline can check. */
export interface ParamNames {
  readonly maxTokens: string;
  readonly minTokens: string;
  readonly stopTokenIds: string;
  readonly logitBias: string;
}

export interface CompletionCall {
  readonly model: string;
  /** Lower is served earlier; 0 unless given. */
  readonly priority?: number;
  /** At least one; each is answered by itself. */
  readonly prompts: readonly Prompt[];
  /** Answers to write to each prompt. */
  readonly n: number;
  /** Whether each answer begins with the text of its prompt. */
  readonly echo: boolean;
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
  /** What the endpoint writes at most where `maxTokens` is absent; absent: what the model wants. Cut to what fits. */
  readonly defaultMaxTokens: number | undefined;
  readonly minTokens: number | undefined;
  /** Whether to write on where the model would end. */
  readonly ignoreEos: boolean;
  /** Tokens that end the answer, beside the model's own. */
  readonly stopTokenIds: readonly number[];
  /** How many of the most likely tokens to report with each token; absent: no log-probabilities at all. */
  readonly topLogprobs: number | undefined;
  /** Texts that end the answer and are not part of it. */
  readonly stop: readonly string[];
  readonly names: ParamNames;
  /** What the answer's text must look like; EBNF. */
  readonly grammar?: string | undefined;
  /** Present: the answer may have calls of tools in it, written so. */
  readonly toolFormat?: ToolFormat | undefined;
}

/** What a client says about the way of its request; what is absent is up to the router. */
export interface RoutingWishes extends Pick<RouteRequest, "policies" | "workers" | "kv"> {
  readonly disaggregation?: DisaggregationMode;
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
  readonly routing: RoutingWishes;
  /** Requests of one key go to one worker, where the policy is to. */
  readonly affinityKey: string | undefined;
}
