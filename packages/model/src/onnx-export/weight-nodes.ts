/** The matrix that a node of an export multiplies by or looks up, whichever operator it is. */
import { type Constant, type GraphNode, invalid, type OnnxGraph } from "./onnx-graph.ts";
import { blockedMatrix, plainMatrix, type StoredMatrix, transposedMatrix } from "./stored-matrix.ts";

/** Finds constants through the nodes that only change their form. */
export class WeightNodes {
  readonly #graph: OnnxGraph;
  readonly #producers: ReadonlyMap<string, GraphNode>;

  constructor(graph: OnnxGraph) {
    this.#graph = graph;
    this.#producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  }

  /** The weight of a linear layer, `[out, in]`. */
  linear(node: GraphNode): StoredMatrix {
    if (node.operator === "MatMul") {
      const { constant, transposed } = this.#weight(node, 1);
      return transposed ? plainMatrix(this.#graph, constant) : transposedMatrix(this.#graph, constant);
    }
    if (node.operator === "MatMulNBits") return this.#blocks(node);
    throw this.#unsupported(node, "MatMul or MatMulNBits");
  }

  /** The table of an embedding, `[tokens, width]`. */
  table(node: GraphNode): StoredMatrix {
    if (node.operator === "Gather") {
      const { constant, transposed } = this.#weight(node, 0);
      return transposed ? transposedMatrix(this.#graph, constant) : plainMatrix(this.#graph, constant);
    }
    if (node.operator === "GatherBlockQuantized") return this.#quantizedTable(node);
    throw this.#unsupported(node, "Gather or GatherBlockQuantized");
  }

  /** A constant among a node's inputs, if there is one. */
  constantInput(node: GraphNode): Constant | undefined {
    return node.inputs.map((name) => this.#graph.constant(name)).find((constant) => constant !== undefined);
  }

  #blocks(node: GraphNode): StoredMatrix {
    const { attributes } = node;
    if (node.inputs[4])
      throw invalid(this.#graph.path, `node "${node.name}" reorders columns, which is not supported`);
    return blockedMatrix(this.#graph, {
      rows: attributes.get("N")!,
      columns: attributes.get("K")!,
      bits: this.#bits(node),
      blockSize: attributes.get("block_size")!,
      levels: this.#weight(node, 1).constant,
      scales: this.#weight(node, 2).constant,
      zeros: node.inputs[3] ? this.#weight(node, 3).constant : undefined,
    });
  }

  #quantizedTable(node: GraphNode): StoredMatrix {
    const [levels, scales] = [this.#weight(node, 0).constant, this.#weight(node, 2).constant];
    const bits = this.#bits(node);
    const rows = levels.shape[0]!;
    return blockedMatrix(this.#graph, {
      rows,
      columns: ((levels.elements / rows) * 8) / bits,
      bits,
      blockSize: node.attributes.get("block_size") ?? 128,
      levels,
      scales,
      zeros: node.inputs[3] ? this.#weight(node, 3).constant : undefined,
    });
  }

  #bits(node: GraphNode): 4 | 8 {
    const bits = node.attributes.get("bits") ?? 4;
    if (bits === 4 || bits === 8) return bits;
    throw invalid(this.#graph.path, `node "${node.name}" has weights of ${bits} bits, expected 4 or 8`);
  }

  /** The constant behind an input; Reshape and Cast keep the order of its elements, Transpose swaps its two dimensions. */
  #weight(node: GraphNode, input: number): { readonly constant: Constant; readonly transposed: boolean } {
    let name = node.inputs[input] ?? "";
    let transposed = false;
    for (;;) {
      const constant = this.#graph.constant(name);
      if (constant) return { constant, transposed };
      const producer = this.#producers.get(name);
      if (producer?.operator === "Transpose") transposed = !transposed;
      else if (producer?.operator !== "Reshape" && producer?.operator !== "Cast") {
        const found = producer ? `computed by ${producer.operator}` : "no constant";
        throw invalid(this.#graph.path, `the weight of node "${node.name}" is ${found}, expected a constant`);
      }
      name = producer.inputs[0]!;
    }
  }

  #unsupported(node: GraphNode, expected: string): Error {
    return invalid(this.#graph.path, `node "${node.name}" is ${node.operator}, expected ${expected}`);
  }
}
