/** The tensors of a Llama checkpoint under their Hugging Face names, and the check that a file has them. */
import { BatonError } from "@baton/core";
import type { ModelConfig } from "./model-config.ts";
import type { TensorInfo, TensorSource } from "./tensor-source.ts";

/** A tensor that the architecture needs. Linear layers are stored as `[out, in]`. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Names of the tensors of one layer. */
export function llamaLayerNames(layer: number) {
  const prefix = `model.layers.${layer}`;
  return {
    attentionNorm: `${prefix}.input_layernorm.weight`,
    query: `${prefix}.self_attn.q_proj.weight`,
    key: `${prefix}.self_attn.k_proj.weight`,
    value: `${prefix}.self_attn.v_proj.weight`,
    attentionOut: `${prefix}.self_attn.o_proj.weight`,
    mlpNorm: `${prefix}.post_attention_layernorm.weight`,
    gate: `${prefix}.mlp.gate_proj.weight`,
    up: `${prefix}.mlp.up_proj.weight`,
    down: `${prefix}.mlp.down_proj.weight`,
  } as const;
}

/** Names of the tensors outside the layers. */
export const LLAMA_NAMES = {
  embedding: "model.embed_tokens.weight",
  finalNorm: "model.norm.weight",
  output: "lm_head.weight",
} as const;

/** Every tensor of a Llama model with this config, in the order of the forward pass. */
export function llamaTensors(config: ModelConfig): readonly ExpectedTensor[] {
  const { vocabSize, hiddenSize, layers, tiedEmbeddings } = config;
  const perLayer = Array.from({ length: layers }, (_, layer) => llamaLayerTensors(config, layer));
  const output = tiedEmbeddings ? [] : [{ name: LLAMA_NAMES.output, shape: [vocabSize, hiddenSize] }];
  return [
    { name: LLAMA_NAMES.embedding, shape: [vocabSize, hiddenSize] },
    ...perLayer.flat(),
    { name: LLAMA_NAMES.finalNorm, shape: [hiddenSize] },
    ...output,
  ];
}

function llamaLayerTensors(config: ModelConfig, layer: number): readonly ExpectedTensor[] {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const names = llamaLayerNames(layer);
  return [
    { name: names.attentionNorm, shape: [hiddenSize] },
    { name: names.query, shape: [heads * headDim, hiddenSize] },
    { name: names.key, shape: [kvHeads * headDim, hiddenSize] },
    { name: names.value, shape: [kvHeads * headDim, hiddenSize] },
    { name: names.attentionOut, shape: [hiddenSize, heads * headDim] },
    { name: names.mlpNorm, shape: [hiddenSize] },
    { name: names.gate, shape: [intermediateSize, hiddenSize] },
    { name: names.up, shape: [intermediateSize, hiddenSize] },
    { name: names.down, shape: [hiddenSize, intermediateSize] },
  ];
}

/**
 * Checks that the source has every tensor of the architecture in F32 and in its shape. Other tensors are ignored.
 * @throws BatonError `invalid_argument` for the first tensor at fault.
 */
export function checkLlamaTensors(config: ModelConfig, source: TensorSource): void {
  for (const expected of llamaTensors(config)) {
    const problem = tensorProblem(expected, source.find(expected.name));
    if (problem) {
      throw new BatonError(
        "invalid_argument",
        `Cannot read "${source.path}": tensor "${expected.name}" ${problem}`,
      );
    }
  }
}

function tensorProblem(expected: ExpectedTensor, found: TensorInfo | undefined): string | undefined {
  const shape = `[${expected.shape.join(", ")}]`;
  if (!found) return `is missing, expected F32 ${shape}`;
  if (found.dtype !== "F32") return `is ${found.dtype}, expected F32`;
  if (`[${found.shape.join(", ")}]` !== shape) return `is [${found.shape.join(", ")}], expected ${shape}`;
  return undefined;
}
