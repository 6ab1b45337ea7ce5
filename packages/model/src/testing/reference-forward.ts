/**
 * The Llama forward pass in plain loops and double precision, written from the definition and sharing no code with
 * the graphs: what the graphs are compared with. Slow; for small models in tests.
 */
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { decoderTensors } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { TensorSource } from "../checkpoint/tensor-source.ts";

type Vector = number[];
type Weights = (name: string) => Float32Array;
interface LayerCache {
  readonly keys: Vector[];
  readonly values: Vector[];
}

/** A sequence that is computed token by token. */
export class ReferenceModel {
  readonly #config: ModelConfig;
  readonly #weights: Weights;
  readonly #caches: readonly LayerCache[];

  private constructor(config: ModelConfig, weights: Weights) {
    this.#config = config;
    this.#weights = weights;
    this.#caches = Array.from({ length: config.layers }, () => ({ keys: [], values: [] }));
  }

  /** Loads every tensor; the checkpoint may be closed afterwards. */
  static async load(checkpoint: Checkpoint): Promise<ReferenceModel> {
    const tensors = new Map<string, Float32Array>();
    for (const { name } of decoderTensors(checkpoint.config))
      tensors.set(name, await readFloats(checkpoint.tensors, name));
    return new ReferenceModel(checkpoint.config, (name) => tensors.get(name)!);
  }

  /** The same model with an empty cache. */
  restart(): ReferenceModel {
    return new ReferenceModel(this.#config, this.#weights);
  }

  /** Keys (after rotary embedding) and values of a layer, one vector `[kvHeads * headDim]` per token so far. */
  cache(layer: number): LayerCache {
    return this.#caches[layer]!;
  }

  /** Appends a token and returns the logits after it. */
  next(token: number): Vector {
    const { hiddenSize, layers, tiedEmbeddings, vocabSize } = this.#config;
    const embedding = this.#weights("model.embed_tokens.weight");
    let state: Vector = [...embedding.subarray(token * hiddenSize, (token + 1) * hiddenSize)];
    for (let layer = 0; layer < layers; layer++) {
      state = add(state, this.#attention(layer, this.#norm(`model.layers.${layer}.input_layernorm`, state)));
      state = add(
        state,
        this.#mlp(layer, this.#norm(`model.layers.${layer}.post_attention_layernorm`, state)),
      );
    }
    const output = tiedEmbeddings ? embedding : this.#weights("lm_head.weight");
    return product(output, this.#norm("model.norm", state), vocabSize);
  }

  #norm(name: string, input: Vector): Vector {
    const weight = this.#weights(`${name}.weight`);
    const meanSquare = input.reduce((sum, x) => sum + x * x, 0) / input.length;
    const scale = 1 / Math.sqrt(meanSquare + this.#config.normEpsilon);
    return input.map((x, i) => x * scale * weight[i]!);
  }

  #linear(layer: number, name: string, input: Vector, rows: number): Vector {
    return product(this.#weights(`model.layers.${layer}.${name}.weight`), input, rows);
  }

  #mlp(layer: number, input: Vector): Vector {
    const { intermediateSize, hiddenSize } = this.#config;
    const gate = this.#linear(layer, "mlp.gate_proj", input, intermediateSize);
    const up = this.#linear(layer, "mlp.up_proj", input, intermediateSize);
    const inner = gate.map((x, i) => (x / (1 + Math.exp(-x))) * up[i]!);
    return this.#linear(layer, "mlp.down_proj", inner, hiddenSize);
  }

  #attention(layer: number, input: Vector): Vector {
    const { heads, kvHeads, headDim, hiddenSize } = this.#config;
    const { keys, values } = this.cache(layer);
    const position = keys.length;
    const query = this.#rotate(this.#linear(layer, "self_attn.q_proj", input, heads * headDim), position);
    keys.push(this.#rotate(this.#linear(layer, "self_attn.k_proj", input, kvHeads * headDim), position));
    values.push(this.#linear(layer, "self_attn.v_proj", input, kvHeads * headDim));
    const context: Vector = [];
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor((head * kvHeads) / heads);
      const part = (vector: Vector, index: number) => vector.slice(index * headDim, (index + 1) * headDim);
      const ownQuery = part(query, head);
      const scores = keys.map((key) => dot(ownQuery, part(key, kvHead)) / Math.sqrt(headDim));
      const weights = softmax(scores);
      for (let i = 0; i < headDim; i++) {
        context.push(values.reduce((sum, value, t) => sum + weights[t]! * value[kvHead * headDim + i]!, 0));
      }
    }
    return this.#linear(layer, "self_attn.o_proj", context, hiddenSize);
  }

  /** x * cos + rotate_half(x) * sin, head by head, as in Hugging Face's `apply_rotary_pos_emb`. */
  #rotate(input: Vector, position: number): Vector {
    const { headDim, ropeTheta } = this.#config;
    const half = headDim / 2;
    return input.map((x, index) => {
      const i = index % headDim;
      const angle = position * ropeTheta ** (-(2 * (i % half)) / headDim);
      const rotated = i < half ? -input[index + half]! : input[index - half]!;
      return x * Math.cos(angle) + rotated * Math.sin(angle);
    });
  }
}

async function readFloats(source: TensorSource, name: string): Promise<Float32Array> {
  const pieces: Float32Array[] = [];
  for await (const piece of source.read(name)) pieces.push(piece);
  return Float32Array.from(pieces.flatMap((piece) => [...piece]));
}

function product(weight: Float32Array, input: Vector, rows: number): Vector {
  const columns = input.length;
  const output: Vector = [];
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < columns; i++) sum += weight[row * columns + i]! * input[i]!;
    output.push(sum);
  }
  return output;
}

function add(a: Vector, b: Vector): Vector {
  return a.map((x, i) => x + b[i]!);
}

function dot(a: Vector, b: Vector): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}

function softmax(scores: Vector): Vector {
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((sum, x) => sum + x, 0);
  return exponentials.map((x) => x / total);
}
