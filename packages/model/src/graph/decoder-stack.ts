/** What the prefill and decode graphs of a model share: everything but attention. */
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { layerLinears, layerWeights, outputLinear, WEIGHTS } from "./decoder-weights.ts";
import { GraphBuilder, type Value } from "./graph-builder.ts";
import type { LinearFormat, LinearLayer } from "./linear/linear-format.ts";
import type { WeightPlan } from "./weight-plan.ts";

/** What the graphs of a model are built from. */
export interface DecoderSpec {
  readonly config: ModelConfig;
  readonly format: LinearFormat;
  readonly weights: WeightPlan;
  /** Name of the weights' file, which lies in the graphs' own folder. */
  readonly weightsFile: string;
}

/** Builds a layer's attention from its queries, keys and values in one tensor `[B, S, (heads + 2 kvHeads) headDim]`. */
export type Attention = (qkv: Value, layer: number) => Value;

/** Queries, keys and values in tensors of their own, `[B, S, … headDim]` each. */
export interface Heads {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/** One graph of a decoder under construction. */
export class DecoderStack {
  readonly g: GraphBuilder;
  readonly config: ModelConfig;
  readonly #format: LinearFormat;

  constructor(name: string, { config, format, weights, weightsFile }: DecoderSpec) {
    this.g = new GraphBuilder(name, weights, weightsFile);
    this.config = config;
    this.#format = format;
  }

  /** Embedding, all layers, final norm: from token ids `[B, S]` to hidden states `[B, S, hidden]`. */
  layers(inputIds: Value, attention: Attention): Value {
    let residual = this.g.node("Gather", [this.g.weight(WEIGHTS.embedding), inputIds]);
    let update: Value | undefined;
    for (let layer = 0; layer < this.config.layers; layer++) {
      const weights = layerWeights(layer);
      const linears = layerLinears(this.config, layer);
      const attended = this.#addAndNorm(residual, update, weights.attentionNorm);
      const context = attention(this.#qkv(attended.normed, layer), layer);
      update = this.#linear(context, linears.attentionOut);
      const fed = this.#addAndNorm(attended.residual, update, weights.mlpNorm);
      update = this.#mlp(fed.normed, layer);
      residual = fed.residual;
    }
    return this.#addAndNorm(residual, update, WEIGHTS.finalNorm).normed;
  }

  /** The output projection: from hidden states `[B, S, hidden]` to the graph output `logits` `[B, S, vocab]`. */
  logits(hidden: Value): void {
    this.#linear(hidden, outputLinear(this.config, this.#format), "logits");
  }

  /** Takes packed queries, keys and values apart, and normalises them where the model does. */
  splitHeads(qkv: Value, layer: number, valueName?: Value): Heads {
    const { heads, kvHeads, headDim, qkNorm } = this.config;
    const sizes = [heads * headDim, kvHeads * headDim, kvHeads * headDim];
    const names = [undefined, undefined, valueName];
    const [query, key, value] = this.g.split(qkv, sizes, names) as [Value, Value, Value];
    if (!qkNorm) return { query, key, value };
    const { queryNorm, keyNorm } = layerWeights(layer);
    return {
      query: this.#normHeads(query, heads, queryNorm),
      key: this.#normHeads(key, kvHeads, keyNorm),
      value,
    };
  }

  #qkv(input: Value, layer: number): Value {
    const product = this.#linear(input, layerLinears(this.config, layer).qkv);
    if (!this.config.qkvBias) return product;
    return this.g.node("Add", [product, this.g.weight(layerWeights(layer).qkvBias)]);
  }

  #linear(input: Value, layer: LinearLayer, output?: Value): Value {
    return this.#format.multiply(this.g, input, layer, output);
  }

  /** down(silu(gate(x)) * up(x)). QuickGelu with alpha 1 is x * sigmoid(x), which is SiLU in one node. */
  #mlp(input: Value, layer: number): Value {
    const { gateUp, down } = layerLinears(this.config, layer);
    const sizes = [this.config.intermediateSize, this.config.intermediateSize];
    const [gate, up] = this.g.split(this.#linear(input, gateUp), sizes) as [Value, Value];
    const activated = this.g.node("QuickGelu", [gate], { alpha: { float: 1 } });
    return this.#linear(this.g.node("Mul", [activated, up]), down);
  }

  /** RMS norm of residual + update; without an update (the first layer's input) of the residual itself. */
  #addAndNorm(residual: Value, update: Value | undefined, weight: string) {
    if (update === undefined) return { normed: this.#norm(residual, weight), residual };
    const sum = this.g.fresh("residual");
    const outputs = [this.g.fresh("normed"), "", "", sum];
    const inputs = [residual, update, this.g.weight(weight)];
    const epsilon = { float: this.config.normEpsilon };
    const normed = this.g.node("SkipSimplifiedLayerNormalization", inputs, { epsilon }, outputs);
    return { normed, residual: sum };
  }

  /** RMS norm of each head: `[B, S, heads * headDim]`. */
  #normHeads(value: Value, heads: number, weight: string): Value {
    const { headDim } = this.config;
    const apart = this.g.node("Reshape", [value, this.g.integers(0, 0, heads, headDim)]);
    const normed = this.#norm(apart, weight);
    return this.g.node("Reshape", [normed, this.g.integers(0, 0, heads * headDim)]);
  }

  /** RMS norm over the last axis. */
  #norm(value: Value, weight: string): Value {
    const attributes = { epsilon: { float: this.config.normEpsilon }, axis: -1, stash_type: 1 };
    return this.g.node("SimplifiedLayerNormalization", [value, this.g.weight(weight)], attributes);
  }
}
