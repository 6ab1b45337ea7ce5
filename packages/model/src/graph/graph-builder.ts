/** Writes one ONNX graph: typed inputs and outputs, nodes, small constants, and weights in an external file. */
import { BatonError } from "@baton/core";
import onnxProto, { type onnx } from "onnx-proto";
import type { WeightPlan } from "./weight-plan.ts";

// The package is CommonJS: its values come through the default import, its types through the named one.
const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;
const { AttributeType } = AttributeProto;
const { DataType, DataLocation } = TensorProto;

/** Domain of ONNX Runtime's own operators. */
const CONTRIB = "com.microsoft";
const CONTRIB_OPERATORS: ReadonlySet<string> = new Set([
  "FusedMatMul",
  "GroupQueryAttention",
  "MatMulIntegerToFloat",
  "MatMulNBits",
  "QuickGelu",
  "RotaryEmbedding",
  "SkipSimplifiedLayerNormalization",
]);
/** IR version 8 and opset 17: the oldest that has every operator used here, so every runtime reads the file. */
const IR_VERSION = 8;
const OPSET_VERSION = 17;

const ELEMENT_TYPES = {
  float32: DataType.FLOAT,
  int8: DataType.INT8,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
} as const;

/** Name of a tensor inside the graph. */
export type Value = string;
type ElementType = keyof typeof ELEMENT_TYPES;
/** A fixed size, or the name of a size that varies from run to run. */
type Dimension = number | string;
/** Attributes of a node: integers and floats are different types in ONNX, so floats are marked. */
type Attribute = number | readonly number[] | { readonly float: number };
type Attributes = Readonly<Record<string, Attribute>>;

/** Collects a graph; `encode` turns it into the bytes of a `.onnx` file. */
export class GraphBuilder {
  readonly #name: string;
  readonly #weights: WeightPlan;
  readonly #weightsFile: string;
  readonly #inputs: onnx.IValueInfoProto[] = [];
  readonly #outputs: onnx.IValueInfoProto[] = [];
  readonly #nodes: onnx.INodeProto[] = [];
  readonly #initializers = new Map<Value, onnx.ITensorProto>();

  /** `weightsFile` is the name of the weights' file, which lies in the graph's own folder. */
  constructor(name: string, weights: WeightPlan, weightsFile: string) {
    this.#name = name;
    this.#weights = weights;
    this.#weightsFile = weightsFile;
  }

  /** Declares an input and returns it. */
  input(name: Value, type: ElementType, shape: readonly Dimension[]): Value {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Declares an output; a node must produce it under this name. Returns the name. */
  output(name: Value, type: ElementType, shape: readonly Dimension[]): Value {
    this.#outputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Adds a node and returns its first output. `outputs` names them; `""` leaves an optional one out. */
  node(
    operator: string,
    inputs: readonly Value[],
    attributes: Attributes = {},
    outputs?: readonly Value[],
  ): Value {
    const name = `${operator}.${this.#nodes.length}`;
    const results = outputs ?? [name];
    this.#nodes.push({
      name,
      opType: operator,
      domain: CONTRIB_OPERATORS.has(operator) ? CONTRIB : "",
      input: [...inputs],
      output: [...results],
      attribute: Object.entries(attributes).map(attribute),
    });
    return results[0]!;
  }

  /** Splits the last axis into parts of these sizes, with these names where they have one. */
  split(
    value: Value,
    sizes: readonly number[],
    names: readonly (Value | undefined)[] = [],
  ): readonly Value[] {
    const parts = sizes.map((_, part) => names[part] ?? this.fresh(`Split.${part}`));
    this.node("Split", [value, this.integers(...sizes)], { axis: -1 }, parts);
    return parts;
  }

  /** A name for an output of a node that has several. */
  fresh(label: string): Value {
    return `${label}.${this.#nodes.length}`;
  }

  /** A weight of the plan. */
  weight(name: string): Value {
    const planned = this.#weights.places.get(name);
    if (!planned) throw new BatonError("internal", `Cannot use weight "${name}": it is not in the plan`);
    this.#initializers.set(name, {
      name,
      dims: [...planned.shape],
      dataType: ELEMENT_TYPES[planned.type],
      dataLocation: DataLocation.EXTERNAL,
      externalData: [
        { key: "location", value: this.#weightsFile },
        { key: "offset", value: String(planned.offset) },
        { key: "length", value: String(planned.bytes) },
      ],
    });
    return name;
  }

  /** A constant list of integers, such as a shape or axes. */
  integers(...values: readonly number[]): Value {
    const name = `int64[${values.join(",")}]`;
    this.#initializers.set(name, {
      name,
      dims: [values.length],
      dataType: DataType.INT64,
      int64Data: [...values],
    });
    return name;
  }

  /** A constant float, shape `[1]`. */
  float(value: number): Value {
    const name = `float32[${value}]`;
    this.#initializers.set(name, { name, dims: [1], dataType: DataType.FLOAT, floatData: [value] });
    return name;
  }

  /** A constant float without dimensions. */
  scalar(value: number): Value {
    const name = `scalar[${value}]`;
    this.#initializers.set(name, { name, dims: [], dataType: DataType.FLOAT, floatData: [value] });
    return name;
  }

  /** A constant byte without dimensions. */
  uint8(value: number): Value {
    const name = `uint8[${value}]`;
    this.#initializers.set(name, { name, dims: [], dataType: DataType.UINT8, int32Data: [value] });
    return name;
  }

  /** The bytes of the model file. The same calls give the same bytes. */
  encode(): Uint8Array {
    const model = ModelProto.create({
      irVersion: IR_VERSION,
      opsetImport: [
        { domain: "", version: OPSET_VERSION },
        { domain: CONTRIB, version: 1 },
      ],
      producerName: "baton",
      graph: {
        name: this.#name,
        input: this.#inputs,
        output: this.#outputs,
        node: this.#nodes,
        initializer: [...this.#initializers.values()],
      },
    });
    return ModelProto.encode(model).finish();
  }
}

function valueInfo(name: Value, type: ElementType, shape: readonly Dimension[]): onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: ELEMENT_TYPES[type], shape: { dim } } } };
}

function attribute([name, value]: [string, Attribute]): onnx.IAttributeProto {
  if (typeof value === "number") return { name, type: AttributeType.INT, i: value };
  if ("float" in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.INTS, ints: [...value] };
}
