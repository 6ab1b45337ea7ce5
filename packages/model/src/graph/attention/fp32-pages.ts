/**
 * Pages of float32.
 *
 *   in   past.{l}.k, past.{l}.v     float32 [N, kvHeads, 1, C, headDim]
 *
 * Attention is one matrix-vector product per query head, read straight from the cache. One matrix product per KV head
 * would do the same with fewer nodes, but makes the runtime copy ("pack") the whole cache first: half the speed.
 */
import { type PageAttention, softmaxOfPages } from "./page-attention.ts";

export const attendFp32Pages: PageAttention = (stack, { query, pageRows, tokenMask }, layer) => {
  const { g, config } = stack;
  const { kvHeads, headDim } = config;
  const past = (part: string) => g.input(`past.${layer}.${part}`, "float32", ["N", kvHeads, 1, "C", headDim]);
  const lastAxis = g.integers(-1);

  const queryColumns = g.node("Unsqueeze", [g.node("Gather", [query, pageRows], { axis: 0 }), lastAxis]);
  const dots = g.node("Squeeze", [g.node("MatMul", [past("k"), queryColumns]), lastAxis]);
  const { weights, weight } = softmaxOfPages(stack, g.node("Add", [dots, tokenMask]));
  const value = g.node("MatMul", [g.node("Unsqueeze", [weights, g.integers(3)]), past("v")]);
  return { weight, value };
};
