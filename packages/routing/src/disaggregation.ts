/**
 * Where a prompt is computed: on a prefill worker, or on the decode worker itself when there is little left to compute.
 *
 *   D1  The verdict and the reservation it leads to are one synchronous step of the caller: `verdict.reserve` is what to
 *       reserve, so requests that arrive together see each other's local prefills and do not all slip under one bound.
 *   D2  A decode worker never has more than `maxLocalTokens` of prompts to compute for itself, or its streams would stall.
 */
import type { LegLoad } from "./load-ledger.ts";
import type { Candidate, Selection } from "./routing-policy.ts";

/** `always` sends every prompt to a prefill worker; `conditional` asks `decideDisaggregation`. */
export type DisaggregationMode = "always" | "conditional";

/** The bounds; `DEFAULT_DISAGGREGATION_BOUNDS` are Dynamo's where Dynamo has them. */
export interface DisaggregationBounds {
  /** Local when fewer tokens than this are to be computed, and … */
  readonly uncachedTokens: number;
  /** … they are a smaller share of the prompt than this, 0 to 1. */
  readonly uncachedShare: number;
  /** Prefill counts as overloaded when the chosen worker has more prompt tokens to compute than this. */
  readonly busyPrefillTokens: number;
  /** Prompt tokens that a decode worker may have to compute at once, this prompt included (D2). */
  readonly maxLocalTokens: number;
}

export const DEFAULT_DISAGGREGATION_BOUNDS: DisaggregationBounds = {
  uncachedTokens: 2048,
  uncachedShare: 0.7,
  busyPrefillTokens: 16_384,
  maxLocalTokens: 4096,
};

/** The verdict with everything it was made from, for the span. */
export interface DisaggregationVerdict {
  readonly kind: "remote" | "local";
  readonly why: "mode" | "long_prompt" | "short_prompt" | "prefill_overloaded" | "decode_busy";
  /** Prompt tokens that the decode worker would have to compute. */
  readonly uncachedTokens: number;
  /** Their share of the prompt. */
  readonly uncachedShare: number;
  /** Prompt tokens before this one on the chosen prefill worker. */
  readonly prefillQueueTokens: number;
  /** Prompt tokens before this one on the decode worker. */
  readonly localQueueTokens: number;
  /** What each leg keeps busy; no prefill leg when local. */
  readonly reserve: { readonly prefill?: LegLoad; readonly decode: LegLoad };
}

/** What is known when the decision falls. */
export interface DisaggregationInputs {
  readonly mode: DisaggregationMode;
  readonly bounds: DisaggregationBounds;
  readonly promptTokens: number;
  readonly prefill: Selection;
  readonly decode: Selection;
}

export function decideDisaggregation(inputs: DisaggregationInputs): DisaggregationVerdict {
  const { promptTokens } = inputs;
  const prefill = inputs.prefill.chosen;
  const decode = inputs.decode.chosen;
  const uncachedTokens = uncachedOn(decode, promptTokens);
  const figures = {
    uncachedTokens,
    uncachedShare: uncachedTokens / Math.max(promptTokens, 1),
    prefillQueueTokens: prefill.worker.load.prefillTokens,
    localQueueTokens: decode.worker.load.prefillTokens,
  };
  const [kind, why] = judge(inputs, figures);
  const holds = decode.cost.promptBlocks;
  const reserve =
    kind === "local"
      ? { decode: { prefillTokens: uncachedTokens, decodeBlocks: holds } }
      : {
          prefill: { prefillTokens: uncachedOn(prefill, promptTokens), decodeBlocks: 0 },
          decode: { prefillTokens: 0, decodeBlocks: holds },
        };
  return { kind, why, ...figures, reserve };
}

/** Prompt tokens that a candidate's cache does not spare it; at least one, as the last token is always computed. */
export function uncachedOn({ worker, cost }: Candidate, promptTokens: number): number {
  return Math.max(promptTokens - cost.overlapBlocks * worker.record.layout.blockSize, 1);
}

type Figures = Pick<
  DisaggregationVerdict,
  "uncachedTokens" | "uncachedShare" | "prefillQueueTokens" | "localQueueTokens"
>;

function judge(
  { mode, bounds }: DisaggregationInputs,
  figures: Figures,
): [DisaggregationVerdict["kind"], DisaggregationVerdict["why"]] {
  if (mode === "always") return ["remote", "mode"];
  const isShort =
    figures.uncachedTokens < bounds.uncachedTokens && figures.uncachedShare < bounds.uncachedShare;
  const isOverloaded = figures.prefillQueueTokens > bounds.busyPrefillTokens;
  if (!isShort && !isOverloaded) return ["remote", "long_prompt"];
  const localTokens = figures.localQueueTokens + figures.uncachedTokens;
  if (localTokens > bounds.maxLocalTokens) return ["remote", "decode_busy"];
  return ["local", isShort ? "short_prompt" : "prefill_overloaded"];
}
