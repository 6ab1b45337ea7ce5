/**
 * Pages of bytes: each token's K and V of a head have 8 bits an element and a scale of their own. Queries, and the
 * weights of values, become 8 bits on the way, so that both products are of bytes: a quarter of what is read, and a
 * third of the time.
 *
 *   in   past.{l}.k                 int8 [N, kvHeads, 1, headDim, C], K = k * k.scale
 *        past.{l}.v                 int8 [N, kvHeads, 1, C, headDim], V = v * v.scale
 *        past.{l}.k.scale           float32 [N, kvHeads, 1, C]
 *        past.{l}.k.offset          float32 [N, kvHeads, 1, C]: 128 * k.scale * the sum of k
 *        past.{l}.v.scale           float32 [N, kvHeads, 1, C]
 *
 * The runtime reads the right side of such a product straight from the cache where the left side is one row of
 * unsigned bytes whose zero is 0; with anything else it copies ("packs") the cache first. So K lies transposed; a
 * query's elements go up by 128, which adds 128 times the sum of k to each score; and V's scales are in the weights.
 */
import type { DecoderStack } from "../decoder-stack.ts";
import type { Value } from "../graph-builder.ts";
import { type PageAttention, softmaxOfPages } from "./page-attention.ts";

/** ONNX's number for float32, as `Cast` wants it. */
const FLOAT = 1;
/** What is added to a query's elements; the largest of which is this less one. */
const QUERY_ZERO = 128;
const QUERY_PEAK = 127;
const WEIGHT_PEAK = 255;
/** Keeps a query, or a page's weights, of zeros from being divided by zero. */
const SMALLEST_PEAK = 1e-30;

export const attendInt8Pages: PageAttention = (stack, { query, pageRows, tokenMask }, layer) => {
  const { g, config } = stack;
  const { kvHeads, headDim } = config;
  const bytes = (name: string, shape: readonly (string | number)[]) =>
    g.input(`past.${layer}.${name}`, "int8", ["N", kvHeads, 1, ...shape]);
  const ofToken = (name: string) => g.input(`past.${layer}.${name}`, "float32", ["N", kvHeads, 1, "C"]);
  const toFloat = (value: Value) => g.node("Cast", [value], { to: FLOAT });
  const asRow = g.integers(3);

  const { levels, peak } = quantize(stack, query, g.node("Abs", [query]), QUERY_PEAK, QUERY_ZERO);
  const pageLevels = g.node("Gather", [g.node("Unsqueeze", [levels, asRow]), pageRows], { axis: 0 });
  const pagePeaks = g.node("Gather", [peak, pageRows], { axis: 0 });
  const products = g.node("MatMulInteger", [pageLevels, bytes("k", [headDim, "C"])]);
  const dots = g.node("Mul", [toFloat(g.node("Squeeze", [products, asRow])), ofToken("k.scale")]);
  const scaled = g.node("Mul", [g.node("Sub", [dots, ofToken("k.offset")]), pagePeaks]);
  const { weights, weight } = softmaxOfPages(stack, g.node("Add", [scaled, tokenMask]));

  const shares = g.node("Mul", [weights, ofToken("v.scale")]);
  const quantized = quantize(stack, shares, shares, WEIGHT_PEAK, 0);
  const shareRows = g.node("Unsqueeze", [quantized.levels, asRow]);
  const sums = toFloat(g.node("MatMulInteger", [shareRows, bytes("v", ["C", headDim])]));
  const value = g.node("Mul", [g.node("Squeeze", [sums, asRow]), quantized.peak]);
  return { weight, value };
};

/**
 * The last axis as unsigned bytes around `zero`, `value = (levels - zero) * peak`. One scale for each row, as what a row
 * gives must not depend on what else is in its batch.
 */
function quantize({ g }: DecoderStack, value: Value, magnitude: Value, most: number, zero: number) {
  const largest = g.node("ReduceMax", [magnitude], { axes: [-1], keepdims: 1 });
  const step = g.node("Mul", [g.node("Max", [largest, g.float(SMALLEST_PEAK)]), g.float(1 / most)]);
  const steps = g.node("Div", [value, step]);
  return { levels: g.node("QuantizeLinear", [steps, g.scalar(1), g.uint8(zero)]), peak: step };
}
