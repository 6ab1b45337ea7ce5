/** The tensors of a checkpoint under their Hugging Face names, and the check that the files have them. */
import { BatonError } from "@baton/core";
import type { ModelConfig } from "./model-config.ts";
import type { TensorInfo, TensorSource } from "./tensor-source.ts";

/** Element types that weights may have. */
const WEIGHT_DTYPES: readonly string[] = ["F32", "F16", "BF16"];

/** A tensor that the architecture needs. Linear layers are stored as `[out, in]`. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Names of the tensors of one layer. */
export function layerTensorNames(layer: number) {
  const prefix = `model.layers.${layer}`;
  return {
    attentionNorm: `${prefix}.input_layernorm.weight`,
    query: `${prefix}.self_attn.q_proj.weight`,
    key: `${prefix}.self_attn.k_proj.weight`,
    value: `${prefix}.self_attn.v_proj.weight`,
    queryBias: `${prefix}.self_attn.q_proj.bias`,
    keyBias: `${prefix}.self_attn.k_proj.bias`,
    valueBias: `${prefix}.self_attn.v_proj.bias`,
    /** One weight per element of a head. */
    queryNorm: `${prefix}.self_attn.q_norm.weight`,
    keyNorm: `${prefix}.self_attn.k_norm.weight`,
    attentionOut: `${prefix}.self_attn.o_proj.weight`,
    mlpNorm: `${prefix}.post_attention_layernorm.weight`,
    gate: `${prefix}.mlp.gate_proj.weight`,
    up: `${prefix}.mlp.up_proj.weight`,
    down: `${prefix}.mlp.down_proj.weight`,
  } as const;
}

/** Names of the tensors outside the layers. */
export const TENSOR_NAMES = {
  embedding: "model.embed_tokens.weight",
  finalNorm: "model.norm.weight",
  output: "lm_head.weight",
  /** Only where the tables are stored: `[positions, headDim / 2]`. */
  rotaryCos: "rotary.cos",
  rotarySin: "rotary.sin",
} as const;

/** Every tensor of a model with this config, in the order of the forward pass. */
export function decoderTensors(config: ModelConfig): readonly ExpectedTensor[] {
  const { vocabSize, hiddenSize, layers, tiedEmbeddings, storedRotary, maxPositions, headDim } = config;
  const perLayer = Array.from({ length: layers }, (_, layer) => layerTensors(config, layer));
  const output = tiedEmbeddings ? [] : [{ name: TENSOR_NAMES.output, shape: [vocabSize, hiddenSize] }];
  const rotary = [TENSOR_NAMES.rotaryCos, TENSOR_NAMES.rotarySin];
  return [
    { name: TENSOR_NAMES.embedding, shape: [vocabSize, hiddenSize] },
    ...perLayer.flat(),
    { name: TENSOR_NAMES.finalNorm, shape: [hiddenSize] },
    ...output,
    ...(storedRotary ? rotary.map((name) => ({ name, shape: [maxPositions, headDim / 2] })) : []),
  ];
}

function layerTensors(config: ModelConfig, layer: number): readonly ExpectedTensor[] {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim, qkvBias, qkNorm } = config;
  const names = layerTensorNames(layer);
  const biases = [
    { name: names.queryBias, shape: [heads * headDim] },
    { name: names.keyBias, shape: [kvHeads * headDim] },
    { name: names.valueBias, shape: [kvHeads * headDim] },
  ];
  const norms = [
    { name: names.queryNorm, shape: [headDim] },
    { name: names.keyNorm, shape: [headDim] },
  ];
  return [
    { name: names.attentionNorm, shape: [hiddenSize] },
    { name: names.query, shape: [heads * headDim, hiddenSize] },
    { name: names.key, shape: [kvHeads * headDim, hiddenSize] },
    { name: names.value, shape: [kvHeads * headDim, hiddenSize] },
    ...(qkvBias ? biases : []),
    ...(qkNorm ? norms : []),
    { name: names.attentionOut, shape: [hiddenSize, heads * headDim] },
    { name: names.mlpNorm, shape: [hiddenSize] },
    { name: names.gate, shape: [intermediateSize, hiddenSize] },
    { name: names.up, shape: [intermediateSize, hiddenSize] },
    { name: names.down, shape: [hiddenSize, intermediateSize] },
  ];
}

/**
 * Checks that the source has every tensor of the model in its shape and in a float type. Other tensors are ignored.
 * @throws BatonError `invalid_argument` for the first tensor at fault.
 */
export function checkTensors(config: ModelConfig, source: TensorSource): void {
  for (const expected of decoderTensors(config)) {
    const found = source.find(expected.name);
    const problem = tensorProblem(expected, found);
    if (problem) {
      const file = found?.file ?? source.path;
      throw new BatonError("invalid_argument", `Cannot read "${file}": tensor "${expected.name}" ${problem}`);
    }
  }
}

function tensorProblem(expected: ExpectedTensor, found: TensorInfo | undefined): string | undefined {
  const shape = `[${expected.shape.join(", ")}]`;
  const dtypes = `${WEIGHT_DTYPES.slice(0, -1).join(", ")} or ${WEIGHT_DTYPES.at(-1)}`;
  if (!found) return `is missing, expected ${dtypes} ${shape}`;
  if (!WEIGHT_DTYPES.includes(found.dtype)) return `is ${found.dtype}, expected ${dtypes}`;
  if (`[${found.shape.join(", ")}]` !== shape) return `is [${found.shape.join(", ")}], expected ${shape}`;
  return undefined;
}
