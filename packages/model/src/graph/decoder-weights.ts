/** Which weights the graphs use, and which checkpoint tensors each is made of. */
import { layerTensorNames, TENSOR_NAMES } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { LinearFormat, LinearLayer } from "./linear/linear-format.ts";
import type { RoleFormats } from "./linear/weight-formats.ts";
import { rotaryTables } from "./rotary-tables.ts";
import {
  floatsOfTensors,
  floatsOfValues,
  planWeights,
  type WeightPlan,
  type WeightSpec,
} from "./weight-plan.ts";

/** Initializer names of one layer, but for its linear layers. */
export function layerWeights(layer: number) {
  return {
    attentionNorm: `layer.${layer}.attention_norm`,
    qkvBias: `layer.${layer}.qkv_bias`,
    queryNorm: `layer.${layer}.query_norm`,
    keyNorm: `layer.${layer}.key_norm`,
    mlpNorm: `layer.${layer}.mlp_norm`,
  } as const;
}

/** Initializer names outside the layers. */
export const WEIGHTS = {
  embedding: "embedding",
  finalNorm: "final_norm",
  rotaryCos: "rotary.cos",
  rotarySin: "rotary.sin",
} as const;

/** The linear layers of one layer of the model. */
export function layerLinears(config: ModelConfig, layer: number) {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const names = layerTensorNames(layer);
  return {
    /** Query, key and value rows together: one product instead of three. */
    qkv: {
      name: `layer.${layer}.qkv`,
      rows: (heads + 2 * kvHeads) * headDim,
      columns: hiddenSize,
      tensors: [names.query, names.key, names.value],
    },
    attentionOut: {
      name: `layer.${layer}.attention_out`,
      rows: hiddenSize,
      columns: heads * headDim,
      tensors: [names.attentionOut],
    },
    /** Gate and up rows together. */
    gateUp: {
      name: `layer.${layer}.gate_up`,
      rows: 2 * intermediateSize,
      columns: hiddenSize,
      tensors: [names.gate, names.up],
    },
    down: {
      name: `layer.${layer}.down`,
      rows: hiddenSize,
      columns: intermediateSize,
      tensors: [names.down],
    },
  } as const satisfies Record<string, LinearLayer>;
}

/** From hidden states to logits. Its weight may be the embedding table's own. */
export function outputLinear(config: ModelConfig, format: LinearFormat): LinearLayer {
  const { vocabSize, hiddenSize, tiedEmbeddings } = config;
  const tensors = [tiedEmbeddings ? TENSOR_NAMES.embedding : TENSOR_NAMES.output];
  const name = tiedEmbeddings && format.storesFloats ? WEIGHTS.embedding : "output";
  return { name, rows: vocabSize, columns: hiddenSize, tensors };
}

/** The weights of a model whose graphs use these formats: each weight once, however many graphs share it. */
export function planDecoderWeights(config: ModelConfig, { prefill, decode }: RoleFormats): WeightPlan {
  const { vocabSize, hiddenSize, layers } = config;
  const formats = [...new Set([prefill, decode])];
  return planWeights([
    floatsOfTensors(WEIGHTS.embedding, [vocabSize, hiddenSize], [TENSOR_NAMES.embedding]),
    ...rotarySpecs(config),
    ...Array.from({ length: layers }, (_, layer) => layerSpecs(config, layer)).flat(),
    floatsOfTensors(WEIGHTS.finalNorm, [hiddenSize], [TENSOR_NAMES.finalNorm]),
    ...formats.flatMap((format) => linearSpecs(config, format)),
  ]);
}

function rotarySpecs(config: ModelConfig): readonly WeightSpec[] {
  const shape = [config.maxPositions, config.headDim / 2];
  if (config.storedRotary) {
    return [
      floatsOfTensors(WEIGHTS.rotaryCos, shape, [TENSOR_NAMES.rotaryCos]),
      floatsOfTensors(WEIGHTS.rotarySin, shape, [TENSOR_NAMES.rotarySin]),
    ];
  }
  return [
    floatsOfValues(WEIGHTS.rotaryCos, shape, () => rotaryTables(config).cos),
    floatsOfValues(WEIGHTS.rotarySin, shape, () => rotaryTables(config).sin),
  ];
}

function linearSpecs(config: ModelConfig, format: LinearFormat): readonly WeightSpec[] {
  const layers = Array.from({ length: config.layers }, (_, layer) => layerLinears(config, layer));
  const output = outputLinear(config, format);
  return [
    ...layers.flatMap((linears) => Object.values<LinearLayer>(linears)),
    ...(output.name === WEIGHTS.embedding ? [] : [output]),
  ].map((linear) => format.weight(linear));
}

function layerSpecs(config: ModelConfig, layer: number): readonly WeightSpec[] {
  const { hiddenSize, heads, kvHeads, headDim, qkvBias, qkNorm } = config;
  const ours = layerWeights(layer);
  const theirs = layerTensorNames(layer);
  const biases = [theirs.queryBias, theirs.keyBias, theirs.valueBias];
  const biasShape = [(heads + 2 * kvHeads) * headDim];
  return [
    floatsOfTensors(ours.attentionNorm, [hiddenSize], [theirs.attentionNorm]),
    ...(qkvBias ? [floatsOfTensors(ours.qkvBias, biasShape, biases)] : []),
    ...(qkNorm ? [floatsOfTensors(ours.queryNorm, [headDim], [theirs.queryNorm])] : []),
    ...(qkNorm ? [floatsOfTensors(ours.keyNorm, [headDim], [theirs.keyNorm])] : []),
    floatsOfTensors(ours.mlpNorm, [hiddenSize], [theirs.mlpNorm]),
  ];
}
