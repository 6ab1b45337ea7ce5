/** The weights of an ONNX export as a checkpoint's tensors: whatever they are stored in, they are read as float32. */
import { BatonError } from "@baton/core";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { TensorInfo, TensorSource } from "../checkpoint/tensor-source.ts";
import { checkAttention } from "./check-attention.ts";
import { type ExportTensor, exportTensors } from "./export-tensors.ts";
import { invalid, OnnxGraph } from "./onnx-graph.ts";

/**
 * Opens an export. The caller disposes of the source.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file and the node or tensor at fault.
 */
export async function openOnnxWeights(path: string, config: ModelConfig): Promise<TensorSource> {
  const graph = await OnnxGraph.open(path);
  try {
    checkAttention(graph, config);
    return new OnnxWeights(graph, exportTensors(graph, config));
  } catch (error) {
    await graph[Symbol.asyncDispose]();
    throw error;
  }
}

class OnnxWeights implements TensorSource {
  readonly #graph: OnnxGraph;
  readonly #tensors: ReadonlyMap<string, ExportTensor>;

  constructor(graph: OnnxGraph, tensors: ReadonlyMap<string, ExportTensor>) {
    this.#graph = graph;
    this.#tensors = tensors;
  }

  get path(): string {
    return this.#graph.path;
  }

  find(name: string): TensorInfo | undefined {
    const tensor = this.#tensors.get(name);
    return tensor && { name, file: this.path, dtype: "F32", shape: tensor.shape };
  }

  async *read(name: string): AsyncGenerator<Float32Array> {
    const tensor = this.#tensors.get(name);
    if (!tensor)
      throw new BatonError("internal", `Cannot read tensor "${name}" of "${this.path}": not there`);
    for await (const values of tensor.matrix.read(tensor.from, tensor.to)) {
      const bad = values.find((value) => !Number.isFinite(value));
      if (bad !== undefined)
        throw invalid(this.path, `tensor "${name}" has the value ${bad}, expected finite numbers`);
      yield values;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#graph[Symbol.asyncDispose]();
  }
}
