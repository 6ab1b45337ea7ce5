/** A client's call after validation, whichever endpoint it came through. Absent fields take the model's defaults. */
import type { RequestId } from "@baton/core";
import type { ChatMessage } from "@baton/tokenizer";
import type { TraceNode } from "@baton/tracing";

/** What the answer is to continue. */
export type Prompt =
  | { readonly kind: "chat"; readonly messages: readonly ChatMessage[] }
  | { readonly kind: "text"; readonly text: string };

export interface CompletionCall {
  readonly model: string;
  readonly prompt: Prompt;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  /** Unsigned 64-bit. */
  readonly seed: bigint | undefined;
  readonly maxTokens: number | undefined;
  /** Texts that end the answer and are not part of it. */
  readonly stop: readonly string[];
}

/** What goes with a request through every step. */
export interface RequestContext {
  readonly id: RequestId;
  /** The root of the request's tree. */
  readonly trace: TraceNode;
  /** Aborts with a BatonError when the client leaves, the deadline passes or the router stops. */
  readonly signal: AbortSignal;
  /** Epoch ms. */
  readonly deadline: number;
}
