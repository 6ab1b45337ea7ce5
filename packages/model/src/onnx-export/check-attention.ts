/** Does an export compute attention as the graphs that are compiled from it will? */
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { type GraphNode, invalid, type OnnxGraph } from "./onnx-graph.ts";

const ATTENTION = "GroupQueryAttention";

/**
 * Checks the export's attention against the config.
 * @throws BatonError `invalid_argument` naming the file, the node, what it has and what is expected.
 */
export function checkAttention(graph: OnnxGraph, config: ModelConfig): void {
  const nodes = graph.nodes.filter(({ operator }) => operator === ATTENTION);
  if (nodes.length !== config.layers) {
    throw invalid(
      graph.path,
      `it has ${nodes.length} ${ATTENTION} nodes, expected one for each of ${config.layers} layers: only exports with grouped-query attention are supported`,
    );
  }
  for (const node of nodes) checkNode(graph, node, config);
}

/** The tokens that a token attends to in every layer, itself included; undefined for all before it. */
export function attentionWindow(graph: OnnxGraph): number | undefined {
  const windows = graph.nodes
    .filter(({ operator }) => operator === ATTENTION)
    .map(({ attributes }) => attributes.get("local_window_size") ?? -1);
  if (new Set(windows).size > 1) {
    throw invalid(
      graph.path,
      `its layers have local_window_size ${windows.join(", ")}, expected one for all`,
    );
  }
  return windows[0] !== undefined && windows[0] > 0 ? windows[0] : undefined;
}

function checkNode(graph: OnnxGraph, { name, attributes }: GraphNode, config: ModelConfig): void {
  const expected: readonly (readonly [attribute: string, found: number, wanted: number])[] = [
    ["num_heads", attributes.get("num_heads") ?? 0, config.heads],
    ["kv_num_heads", attributes.get("kv_num_heads") ?? 0, config.kvHeads],
    ["rotary_interleaved", attributes.get("rotary_interleaved") ?? 0, 0],
    ["softcap", attributes.get("softcap") ?? 0, 0],
    ["smooth_softmax", Math.max(attributes.get("smooth_softmax") ?? 0, 0), 0],
    ["scale", attributes.get("scale") || config.headDim ** -0.5, config.headDim ** -0.5],
  ];
  for (const [attribute, found, wanted] of expected) {
    if (Math.abs(found - wanted) > 1e-4 * Math.abs(wanted)) {
      throw invalid(graph.path, `node "${name}" has ${attribute} ${found}, expected ${wanted}`);
    }
  }
}
