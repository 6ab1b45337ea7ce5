/** `genai_config.json`, which onnxruntime-genai's builder writes where Hugging Face has config.json. */
import { z } from "zod";
import { size, tokenIdList } from "../architectures/common-fields.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { attentionWindow } from "./check-attention.ts";
import type { GraphNode, OnnxGraph } from "./onnx-graph.ts";

/** The models whose graphs ours are equal to, by the builder's name. */
const ARCHITECTURES = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
} as const;

/** What is read of it. */
export const genaiConfigSchema = z.object({
  model: z.object({
    type: z.enum(
      ["llama", "mistral", "qwen2", "qwen3"],
      `supported: ${Object.keys(ARCHITECTURES).join(", ")}`,
    ),
    vocab_size: size,
    context_length: size,
    eos_token_id: tokenIdList,
    decoder: z.object({
      filename: z.literal("model.onnx", 'only "model.onnx" is supported').default("model.onnx"),
      hidden_size: size,
      head_size: size,
      num_attention_heads: size,
      num_key_value_heads: size,
      num_hidden_layers: size,
    }),
  }),
});

/** What the file does not say is in the graph: the width of the MLP, norms, windows and rotary tables. */
export function genaiModelConfig(
  { model }: z.infer<typeof genaiConfigSchema>,
  graph: OnnxGraph,
): ModelConfig {
  const { decoder } = model;
  const norm = graph.nodes.find(({ operator }) => /SimplifiedLayerNormalization$/.test(operator));
  return {
    architecture: ARCHITECTURES[model.type],
    vocabSize: model.vocab_size,
    hiddenSize: decoder.hidden_size,
    intermediateSize: mlpWidth(graph, decoder.hidden_size),
    layers: decoder.num_hidden_layers,
    heads: decoder.num_attention_heads,
    kvHeads: decoder.num_key_value_heads,
    headDim: decoder.head_size,
    maxPositions: model.context_length,
    normEpsilon: norm?.attributes.get("epsilon") ?? 1e-5,
    // The export may have two copies: then so has the compiled model.
    tiedEmbeddings: false,
    eosTokenIds: model.eos_token_id,
    ropeTheta: 0,
    ropeScaling: undefined,
    storedRotary: true,
    slidingWindow: attentionWindow(graph),
    qkvBias: model.type === "qwen2",
    qkNorm: model.type === "qwen3",
  };
}

/** The down projection's inputs; 0 where there is none to be found, which the check of the tensors then says. */
function mlpWidth(graph: OnnxGraph, hiddenSize: number): number {
  const down = graph.nodes.find(({ name }) => /mlp[./]down_proj[./]MatMul/.test(name));
  return (down && (down.attributes.get("K") ?? constantWidth(graph, down, hiddenSize))) ?? 0;
}

function constantWidth(graph: OnnxGraph, { inputs }: GraphNode, hiddenSize: number): number | undefined {
  const constant = inputs.map((name) => graph.constant(name)).find((found) => found !== undefined);
  return constant && constant.elements / hiddenSize;
}
