/** What the decode graph asks of the pages of the KV cache; one file for each type of their elements. */
import type { DecoderStack } from "../decoder-stack.ts";
import type { Value } from "../graph-builder.ts";

/** The queries of a step, and whose the pages are. */
export interface PageQueries {
  /** `[B, kvHeads, group, headDim]`, after rotary embedding, scaled. */
  readonly query: Value;
  /** `[N]`: the row whose page this is. */
  readonly pageRows: Value;
  /** `[N, 1, 1, C]`: 0 where a page has a token, a large negative number where it has none. */
  readonly tokenMask: Value;
}

/** What each page says to its row's query, as if there were no other page. */
export interface PageAnswers {
  /** `[N, kvHeads, group]`: logarithm of the sum of exp(score). */
  readonly weight: Value;
  /** Mean of the values, weighted by their scores: one row of headDim elements for each page and head. */
  readonly value: Value;
}

/** Attends to all pages of one layer, whose inputs it declares. */
export type PageAttention = (stack: DecoderStack, queries: PageQueries, layer: number) => PageAnswers;

/**
 * Softmax over the tokens of each page, from scores `[N, kvHeads, group, C]`. What a row makes of a page follows from
 * its largest weight alone: the softmax of a page with scores s and largest score m gives 1 / sum(exp(s - m)) to m, and
 * so the logarithm of the page's whole weight.
 */
export function softmaxOfPages({ g }: DecoderStack, scores: Value) {
  const overTokens = { axes: [-1], keepdims: 0 };
  const weights = g.node("Softmax", [scores], { axis: -1 });
  const largest = g.node("ReduceMax", [scores], overTokens);
  const largestWeight = g.node("Log", [g.node("ReduceMax", [weights], overTokens)]);
  return { weights, weight: g.node("Sub", [largest, largestWeight]) };
}
