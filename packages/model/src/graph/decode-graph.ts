/**
 * The graph of a decode worker: one token for each of B sequences. The cache is only read; the new token's keys and
 * values are returned, and the engine writes them into the cache, because the runtime copies whatever is returned.
 *
 *   in   input_ids int64 [B, 1]
 *        position_ids int64 [B, 1]              tokens before this one
 *        mask float32 [B, 1, 1, P]              0 where slot b has a token, a large negative number where it has none
 *        past.{l}.k, past.{l}.v                 float32 [B, kvHeads, 1, P, headDim]
 *   out  logits float32 [B, 1, vocab]
 *        new.{l}.k, new.{l}.v                   float32 [B, kvHeads, 1, headDim], keys after rotary embedding
 *
 * Attention is one matrix-vector product per query head, read straight from the cache. One matrix product per KV head
 * would do the same with fewer nodes, but makes the runtime copy ("pack") the whole cache first: half the speed.
 */
import { type DecoderSpec, DecoderStack } from "./decoder-stack.ts";
import { WEIGHTS } from "./decoder-weights.ts";
import type { Value } from "./graph-builder.ts";

/** Builds the decode graph; returns the bytes of the model file. */
export function buildDecodeGraph(spec: DecoderSpec): Uint8Array {
  const stack = new DecoderStack("decode", spec);
  const { g, config } = stack;
  const inputIds = g.input("input_ids", "int64", ["B", 1]);
  const positions = g.input("position_ids", "int64", ["B", 1]);
  const mask = g.input("mask", "float32", ["B", 1, 1, "P"]);
  g.output("logits", "float32", ["B", 1, config.vocabSize]);
  const hidden = stack.layers(inputIds, (qkv, layer) => {
    const token = projectToken(stack, qkv, positions, layer);
    return attend(stack, token, mask, layer);
  });
  stack.logits(hidden);
  return g.encode();
}

/** The new token in one layer. */
interface Token {
  /** `[B, kvHeads, group, headDim]`, after rotary embedding, scaled. */
  readonly query: Value;
  /** `[B, kvHeads, 1, headDim]`, after rotary embedding. */
  readonly key: Value;
  /** `[B, kvHeads, 1, headDim]` */
  readonly value: Value;
}

function projectToken(stack: DecoderStack, qkv: Value, positions: Value, layer: number): Token {
  const { g, config } = stack;
  const { heads, kvHeads, headDim } = config;
  const { query, key, value } = stack.splitHeads(qkv, layer);
  const rotate = (input: Value, count: number) => {
    const inputs = [input, positions, g.weight(WEIGHTS.rotaryCos), g.weight(WEIGHTS.rotarySin)];
    return g.node("RotaryEmbedding", inputs, { num_heads: count, rotary_embedding_dim: 0 });
  };
  const perKvHead = g.integers(0, kvHeads, 1, headDim);
  const grouped = g.integers(0, kvHeads, heads / kvHeads, headDim);
  const newCache = (part: string) => g.output(`new.${layer}.${part}`, "float32", ["B", kvHeads, 1, headDim]);
  const groupedQuery = g.node("Reshape", [rotate(query, heads), grouped]);
  return {
    query: g.node("Mul", [groupedQuery, g.float(1 / Math.sqrt(headDim))]),
    key: g.node("Reshape", [rotate(key, kvHeads), perKvHead], {}, [newCache("k")]),
    value: g.node("Reshape", [value, perKvHead], {}, [newCache("v")]),
  };
}

/** Softmax over the cached positions and the new one together; returns `[B, 1, heads * headDim]`. */
function attend({ g, config }: DecoderStack, token: Token, mask: Value, layer: number): Value {
  const { kvHeads, headDim, heads } = config;
  const past = (part: string) => g.input(`past.${layer}.${part}`, "float32", ["B", kvHeads, 1, "P", headDim]);
  const lastAxis = g.integers(-1);
  const rowAxis = g.integers(3);

  const queryColumns = g.node("Unsqueeze", [token.query, lastAxis]);
  const pastDots = g.node("Squeeze", [g.node("MatMul", [past("k"), queryColumns]), lastAxis]);
  const pastScores = g.node("Add", [pastDots, mask]);
  const newScore = g.node("FusedMatMul", [token.query, token.key], { transB: 1 });
  const scores = g.node("Concat", [pastScores, newScore], { axis: -1 });
  const weights = g.node("Softmax", [scores], { axis: -1 });

  const pastWeights = g.node("Slice", [weights, g.integers(0), lastAxis, lastAxis]);
  const newWeight = g.node("Slice", [weights, lastAxis, g.integers(Number.MAX_SAFE_INTEGER), lastAxis]);
  const weightRows = g.node("Unsqueeze", [pastWeights, rowAxis]);
  const fromPast = g.node("Squeeze", [g.node("MatMul", [weightRows, past("v")]), rowAxis]);
  const fromNew = g.node("Mul", [newWeight, token.value]);
  const context = g.node("Add", [fromPast, fromNew]);
  return g.node("Reshape", [context, g.integers(0, 1, heads * headDim)]);
}
