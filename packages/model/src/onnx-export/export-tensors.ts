/**
 * Which parts of an export are which tensors of a checkpoint.
 *
 * Names of nodes and norms are those that onnxruntime-genai's builder and Optimum write: both keep the model's module
 * names. What is multiplied is read from the nodes, so that a projection may be packed with others, transposed, or
 * quantized.
 */
import { layerTensorNames, TENSOR_NAMES } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { Constant, GraphNode, OnnxGraph } from "./onnx-graph.ts";
import { plainMatrix, type StoredMatrix } from "./stored-matrix.ts";
import { WeightNodes } from "./weight-nodes.ts";

/** A tensor of the checkpoint: some rows of a matrix of the export. */
export interface ExportTensor {
  readonly shape: readonly number[];
  readonly matrix: StoredMatrix;
  readonly from: number;
  readonly to: number;
}

const PROJECTION =
  /layers[./](\d+)[./](?:(?:self_)?attn|mlp)[./](qkv|q|k|v|o|gate_up|gate|up|down)_proj[./](MatMul|Add)/;
const NORM =
  /layers\.(\d+)\.(input_layernorm|post_attention_layernorm|(?:self_)?attn\.[qk]_norm)\.(?:layernorm\.)?weight$/;
const FINAL_NORM = /(?:^|\.)(?:norm|final_norm_layernorm)\.weight$/;

type Names = ReturnType<typeof layerTensorNames>;
/** The tensors that a projection's rows are, in their order; its bias likewise. */
const WEIGHTS: Readonly<Record<string, readonly (keyof Names)[]>> = {
  q: ["query"],
  k: ["key"],
  v: ["value"],
  qkv: ["query", "key", "value"],
  o: ["attentionOut"],
  gate: ["gate"],
  up: ["up"],
  gate_up: ["gate", "up"],
  down: ["down"],
};
const BIASES: Readonly<Record<string, readonly (keyof Names)[]>> = {
  q: ["queryBias"],
  k: ["keyBias"],
  v: ["valueBias"],
  qkv: ["queryBias", "keyBias", "valueBias"],
};

/** The export's tensors under the checkpoint's names; what is not recognised is left out, and missed by the checks. */
export function exportTensors(graph: OnnxGraph, config: ModelConfig): ReadonlyMap<string, ExportTensor> {
  const nodes = new WeightNodes(graph);
  const tensors = new Map<string, ExportTensor>();
  const place = (
    names: readonly string[],
    sizes: readonly number[],
    matrix: StoredMatrix,
    isVector: boolean,
  ) => {
    let from = 0;
    for (const [i, name] of names.entries()) {
      const to = i === names.length - 1 ? matrix.rows : from + sizes[i]!;
      const shape = isVector ? [to - from] : [to - from, matrix.columns];
      tensors.set(name, { shape, matrix, from, to });
      from = to;
    }
  };
  for (const node of graph.nodes) {
    const projection = PROJECTION.exec(node.name);
    if (projection) placeProjection(projection, node);
    else if (/embed_tokens/.test(node.name) && node.operator.startsWith("Gather")) {
      place([TENSOR_NAMES.embedding], [], nodes.table(node), false);
    } else if (/lm_head[./]MatMul/.test(node.name)) {
      place([TENSOR_NAMES.output], [], nodes.linear(node), false);
    }
    for (const input of node.inputs) placeNorm(input);
  }
  for (const [name, constant] of rotaryConstants(graph)) {
    place([name], [], plainMatrix(graph, constant), false);
  }
  return tensors;

  function placeProjection([, layer, kind, part]: RegExpExecArray, node: GraphNode): void {
    const names = layerTensorNames(Number(layer));
    const sizes = rowsOf(config)[kind!] ?? [];
    const bias = part === "Add" ? nodes.constantInput(node) : graph.constant(node.inputs[5] ?? "");
    if (bias) {
      const targets = (BIASES[kind!] ?? []).map((key) => names[key]);
      place(targets, sizes, plainMatrix(graph, bias), true);
    }
    if (part === "MatMul") {
      const targets = WEIGHTS[kind!]!.map((key) => names[key]);
      place(targets, sizes, nodes.linear(node), false);
    }
  }

  function placeNorm(input: string): void {
    const constant = graph.constant(input);
    if (!constant) return;
    const norm = NORM.exec(input);
    if (norm) place([normName(Number(norm[1]), norm[2]!)], [], plainMatrix(graph, constant), true);
    else if (FINAL_NORM.test(input)) place([TENSOR_NAMES.finalNorm], [], plainMatrix(graph, constant), true);
  }
}

/** Rows of the parts of what may be packed. */
function rowsOf({
  heads,
  kvHeads,
  headDim,
  intermediateSize,
}: ModelConfig): Readonly<Record<string, readonly number[]>> {
  return {
    qkv: [heads * headDim, kvHeads * headDim, kvHeads * headDim],
    gate_up: [intermediateSize, intermediateSize],
  };
}

function normName(layer: number, kind: string): string {
  const names = layerTensorNames(layer);
  if (kind === "input_layernorm") return names.attentionNorm;
  if (kind === "post_attention_layernorm") return names.mlpNorm;
  return kind.endsWith("q_norm") ? names.queryNorm : names.keyNorm;
}

/** The tables that the attention, or the nodes before it, rotate by. */
function rotaryConstants(graph: OnnxGraph): readonly (readonly [name: string, constant: Constant])[] {
  for (const { operator, inputs } of graph.nodes) {
    const at = operator === "GroupQueryAttention" ? 7 : operator === "RotaryEmbedding" ? 2 : undefined;
    const cos = at === undefined ? undefined : graph.constant(inputs[at] ?? "");
    const sin = at === undefined ? undefined : graph.constant(inputs[at + 1] ?? "");
    if (!cos || !sin) continue;
    return [
      [TENSOR_NAMES.rotaryCos, cos],
      [TENSOR_NAMES.rotarySin, sin],
    ];
  }
  return [];
}
