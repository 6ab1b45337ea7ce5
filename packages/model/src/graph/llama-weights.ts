/** Which weights the Llama graphs use, and which checkpoint tensors each is made of. */
import { LLAMA_NAMES, llamaLayerNames } from "../checkpoint/llama-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { rotaryTables } from "./rotary-tables.ts";
import { planWeights, type WeightPlan, type WeightSpec } from "./weight-plan.ts";

/** Initializer names of one layer. Linear weights are `[out, in]`, as in the checkpoint. */
export function layerWeights(layer: number) {
  return {
    attentionNorm: `layer.${layer}.attention_norm`,
    /** Query, key and value rows together: one product instead of three. */
    qkv: `layer.${layer}.qkv`,
    attentionOut: `layer.${layer}.attention_out`,
    mlpNorm: `layer.${layer}.mlp_norm`,
    /** Gate and up rows together. */
    gateUp: `layer.${layer}.gate_up`,
    down: `layer.${layer}.down`,
  } as const;
}

/** Initializer names outside the layers. */
export const WEIGHTS = {
  embedding: "embedding",
  finalNorm: "final_norm",
  output: "output",
  rotaryCos: "rotary.cos",
  rotarySin: "rotary.sin",
} as const;

/** The weights of a Llama model. With tied embeddings there is no `output`: the graphs use `embedding` twice. */
export function planLlamaWeights(config: ModelConfig): WeightPlan {
  const { vocabSize, hiddenSize, headDim, maxPositions, layers, tiedEmbeddings, ropeTheta } = config;
  const rotaryShape = [maxPositions, headDim / 2];
  const rotary = () => rotaryTables(maxPositions, headDim, ropeTheta);
  const output = fromTensors(WEIGHTS.output, [vocabSize, hiddenSize], LLAMA_NAMES.output);
  return planWeights([
    fromTensors(WEIGHTS.embedding, [vocabSize, hiddenSize], LLAMA_NAMES.embedding),
    { name: WEIGHTS.rotaryCos, shape: rotaryShape, content: { kind: "values", values: () => rotary().cos } },
    { name: WEIGHTS.rotarySin, shape: rotaryShape, content: { kind: "values", values: () => rotary().sin } },
    ...Array.from({ length: layers }, (_, layer) => layerSpecs(config, layer)).flat(),
    fromTensors(WEIGHTS.finalNorm, [hiddenSize], LLAMA_NAMES.finalNorm),
    ...(tiedEmbeddings ? [] : [output]),
  ]);
}

function layerSpecs(config: ModelConfig, layer: number): readonly WeightSpec[] {
  const { hiddenSize, intermediateSize, heads, kvHeads, headDim } = config;
  const ours = layerWeights(layer);
  const theirs = llamaLayerNames(layer);
  const qkvRows = (heads + 2 * kvHeads) * headDim;
  return [
    fromTensors(ours.attentionNorm, [hiddenSize], theirs.attentionNorm),
    fromTensors(ours.qkv, [qkvRows, hiddenSize], theirs.query, theirs.key, theirs.value),
    fromTensors(ours.attentionOut, [hiddenSize, heads * headDim], theirs.attentionOut),
    fromTensors(ours.mlpNorm, [hiddenSize], theirs.mlpNorm),
    fromTensors(ours.gateUp, [2 * intermediateSize, hiddenSize], theirs.gate, theirs.up),
    fromTensors(ours.down, [hiddenSize, intermediateSize], theirs.down),
  ];
}

function fromTensors(name: string, shape: readonly number[], ...names: readonly string[]): WeightSpec {
  return { name, shape, content: { kind: "tensors", names } };
}
