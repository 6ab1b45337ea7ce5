/** What the prefill and decode graphs of a Llama model share: everything but attention. */
import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { GraphBuilder, Value } from "./graph-builder.ts";
import { layerWeights, WEIGHTS } from "./llama-weights.ts";

/** Builds a layer's attention from its queries, keys and values in one tensor `[B, S, (heads + 2 kvHeads) headDim]`. */
export type Attention = (qkv: Value, layer: number) => Value;

/** Embedding, all layers, final norm: from token ids `[B, S]` to hidden states `[B, S, hidden]`. */
export function llamaStack(
  g: GraphBuilder,
  config: ModelConfig,
  inputIds: Value,
  attention: Attention,
): Value {
  let residual = g.node("Gather", [g.weight(WEIGHTS.embedding), inputIds]);
  let update: Value | undefined;
  for (let layer = 0; layer < config.layers; layer++) {
    const weights = layerWeights(layer);
    const attended = addAndNorm(g, config, residual, update, weights.attentionNorm);
    const context = attention(linear(g, attended.normed, weights.qkv), layer);
    update = linear(g, context, weights.attentionOut);
    const fed = addAndNorm(g, config, attended.residual, update, weights.mlpNorm);
    update = mlp(g, config, fed.normed, layer);
    residual = fed.residual;
  }
  return addAndNorm(g, config, residual, update, WEIGHTS.finalNorm).normed;
}

/** The output projection: from hidden states `[B, S, hidden]` to the graph output `logits` `[B, S, vocab]`. */
export function logits(g: GraphBuilder, config: ModelConfig, hidden: Value): void {
  linear(g, hidden, config.tiedEmbeddings ? WEIGHTS.embedding : WEIGHTS.output, ["logits"]);
}

/** Splits the last axis into parts of these sizes. */
export function split(g: GraphBuilder, value: Value, sizes: readonly number[]): readonly Value[] {
  const parts = sizes.map((_, part) => g.fresh(`Split.${part}`));
  g.node("Split", [value, g.integers(...sizes)], { axis: -1 }, parts);
  return parts;
}

/** A linear layer whose weight is `[out, in]`; the runtime packs it once at load, so the transposition costs nothing. */
function linear(g: GraphBuilder, input: Value, weight: string, outputs?: readonly Value[]): Value {
  return g.node("FusedMatMul", [input, g.weight(weight)], { transB: 1 }, outputs);
}

/** RMS norm of residual + update; without an update (the first layer's input) of the residual itself. */
function addAndNorm(
  g: GraphBuilder,
  config: ModelConfig,
  residual: Value,
  update: Value | undefined,
  weight: string,
): { readonly normed: Value; readonly residual: Value } {
  const epsilon = { float: config.normEpsilon };
  if (update === undefined) {
    const attributes = { epsilon, axis: -1, stash_type: 1 };
    return {
      normed: g.node("SimplifiedLayerNormalization", [residual, g.weight(weight)], attributes),
      residual,
    };
  }
  const sum = g.fresh("residual");
  const outputs = [g.fresh("normed"), "", "", sum];
  const inputs = [residual, update, g.weight(weight)];
  return { normed: g.node("SkipSimplifiedLayerNormalization", inputs, { epsilon }, outputs), residual: sum };
}

/** down(silu(gate(x)) * up(x)). QuickGelu with alpha 1 is x * sigmoid(x), which is SiLU in one node. */
function mlp(g: GraphBuilder, config: ModelConfig, input: Value, layer: number): Value {
  const { gateUp, down } = layerWeights(layer);
  const sizes = [config.intermediateSize, config.intermediateSize];
  const [gate, up] = split(g, linear(g, input, gateUp), sizes) as [Value, Value];
  const activated = g.node("QuickGelu", [gate], { alpha: { float: 1 } });
  return linear(g, g.node("Mul", [activated, up]), down);
}
