/** An ONNX file as data: its nodes, and its constant tensors, which may lie in files beside it. */
import { type FileHandle, open, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BatonError } from "@baton/core";
import onnxProto, { type onnx } from "onnx-proto";
import { fileError } from "../checkpoint/json-file.ts";

const { DataType, DataLocation } = onnxProto.onnx.TensorProto;

/** Element types that exports have weights in, with their size. */
const ELEMENT_TYPES = {
  [DataType.FLOAT]: { dtype: "F32", bytes: 4 },
  [DataType.FLOAT16]: { dtype: "F16", bytes: 2 },
  [DataType.BFLOAT16]: { dtype: "BF16", bytes: 2 },
  [DataType.UINT8]: { dtype: "U8", bytes: 1 },
  [DataType.INT8]: { dtype: "I8", bytes: 1 },
} as const satisfies Readonly<Record<number, { readonly dtype: string; readonly bytes: number }>>;

/** A constant tensor. */
export interface Constant {
  readonly name: string;
  /** As safetensors spells it. */
  readonly dtype: "F32" | "F16" | "BF16" | "U8" | "I8";
  /** Of an element. */
  readonly elementBytes: number;
  readonly shape: readonly number[];
  readonly elements: number;
}

/** An operation. */
export interface GraphNode {
  readonly name: string;
  readonly operator: string;
  /** Values by position; `""` stands for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integers and floats by name. */
  readonly attributes: ReadonlyMap<string, number>;
}

interface StoredConstant extends Constant {
  /** Bytes in the file itself, or a place in a file beside it. */
  readonly data: Uint8Array | { readonly file: string; readonly offset: number };
}

/** Disposing of it closes its files. */
export class OnnxGraph implements AsyncDisposable {
  readonly path: string;
  readonly nodes: readonly GraphNode[];
  readonly #constants: ReadonlyMap<string, StoredConstant>;
  readonly #files = new Map<string, FileHandle>();

  private constructor(path: string, model: onnx.IModelProto) {
    this.path = path;
    const { node = [], initializer = [] } = model.graph ?? {};
    this.nodes = node!.map(readNode);
    this.#constants = new Map(initializer!.flatMap((tensor) => readConstant(path, tensor)));
  }

  /**
   * Reads a file's structure.
   * @throws BatonError `not_found` or `invalid_argument`, naming the file.
   */
  static async open(path: string): Promise<OnnxGraph> {
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw fileError(path, cause);
    });
    try {
      return new OnnxGraph(path, onnxProto.onnx.ModelProto.decode(bytes));
    } catch (cause) {
      if (cause instanceof BatonError) throw cause;
      throw invalid(path, `it is no ONNX file: ${(cause as Error).message}`, cause);
    }
  }

  constant(name: string): Constant | undefined {
    return this.#constants.get(name);
  }

  /** The bytes of some elements of a constant, in a buffer of their own. */
  async read({ name, elementBytes }: Constant, from: number, count: number): Promise<Buffer> {
    const { data } = this.#constants.get(name)!;
    const [begin, length] = [from * elementBytes, count * elementBytes];
    if (data instanceof Uint8Array) return Buffer.from(data.subarray(begin, begin + length));
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await (await this.#file(data.file)).read(buffer, 0, length, data.offset + begin);
    if (bytesRead === length) return buffer;
    throw invalid(
      data.file,
      `tensor "${name}" ends at byte ${data.offset + begin + length}, but the file ends before: it is truncated`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }

  async #file(path: string): Promise<FileHandle> {
    const opened = this.#files.get(path);
    if (opened) return opened;
    const file = await open(path).catch((cause: unknown) => {
      throw fileError(path, cause);
    });
    this.#files.set(path, file);
    return file;
  }
}

function readNode(node: onnx.INodeProto): GraphNode {
  const attributes = new Map<string, number>();
  for (const { name, type, i, f } of node.attribute ?? []) {
    if (type === onnxProto.onnx.AttributeProto.AttributeType.INT) attributes.set(name!, Number(i));
    if (type === onnxProto.onnx.AttributeProto.AttributeType.FLOAT) attributes.set(name!, f!);
  }
  return {
    name: node.name ?? "",
    operator: node.opType ?? "",
    inputs: node.input ?? [],
    outputs: node.output ?? [],
    attributes,
  };
}

/** Constants of other types (shapes, indices) are left out: no weight has them. */
function readConstant(path: string, tensor: onnx.ITensorProto): [string, StoredConstant][] {
  const type = (ELEMENT_TYPES as Record<number, (typeof ELEMENT_TYPES)[keyof typeof ELEMENT_TYPES]>)[
    tensor.dataType ?? 0
  ];
  if (!type || !tensor.name) return [];
  const shape = (tensor.dims ?? []).map(Number);
  const elements = shape.reduce((product, size) => product * size, 1);
  const data = placeOf(path, tensor, elements * type.bytes);
  return [
    [tensor.name, { name: tensor.name, dtype: type.dtype, elementBytes: type.bytes, shape, elements, data }],
  ];
}

function placeOf(path: string, tensor: onnx.ITensorProto, bytes: number): StoredConstant["data"] {
  if (tensor.dataLocation !== DataLocation.EXTERNAL) return inlineBytes(path, tensor, bytes);
  const entries = new Map((tensor.externalData ?? []).map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  // The file is data from elsewhere: it may not name files outside of its own folder.
  if (location === "" || basename(location) !== location) {
    throw invalid(
      path,
      `tensor "${tensor.name}" lies in the file "${location}", expected a file in the same folder`,
    );
  }
  const length = Number(entries.get("length") ?? bytes);
  const offset = Number(entries.get("offset") ?? 0);
  if (length !== bytes || !Number.isSafeInteger(offset) || offset < 0) {
    throw invalid(path, `tensor "${tensor.name}" spans ${length} bytes at ${offset}, expected ${bytes}`);
  }
  return { file: join(dirname(path), location), offset };
}

function inlineBytes(path: string, tensor: onnx.ITensorProto, bytes: number): Uint8Array {
  const raw = tensor.rawData?.length
    ? tensor.rawData
    : new Uint8Array(Float32Array.from(tensor.floatData ?? []).buffer);
  if (raw.length !== bytes) {
    throw invalid(path, `tensor "${tensor.name}" has ${raw.length} bytes, expected ${bytes} for its shape`);
  }
  return raw;
}

/** The error for an export that says something it may not. */
export function invalid(path: string, problem: string, cause?: unknown): BatonError {
  return new BatonError("invalid_argument", `Cannot read "${path}": ${problem}`, { cause });
}
