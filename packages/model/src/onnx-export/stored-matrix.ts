/** Matrices as exports store them, read as float32 rows: plain, transposed, or in blocks of 4 or 8 bits. */
import { FLOAT_READERS } from "../checkpoint/float-formats.ts";
import { type Constant, invalid, type OnnxGraph } from "./onnx-graph.ts";

/** Values of a piece. */
const PIECE_ELEMENTS = 1024 * 1024;

/** A matrix `[rows, columns]`; a vector has one column. */
export interface StoredMatrix {
  readonly rows: number;
  readonly columns: number;
  /** The rows `from` … `to - 1` in order, row-major, in pieces of whole rows. */
  read(from: number, to: number): AsyncIterable<Float32Array>;
}

/** A constant whose rows are the matrix's. */
export function plainMatrix(graph: OnnxGraph, constant: Constant): StoredMatrix {
  const rows = constant.shape[0] ?? 1;
  const columns = constant.elements / rows;
  return {
    rows,
    columns,
    async *read(from, to) {
      for (const [first, count] of pieces(from, to, columns)) {
        yield await floats(graph, constant, first * columns, count * columns);
      }
    },
  };
}

/** A constant whose columns are the matrix's rows: `[in, out]`, as MatMul has it. All of it is held while it is read. */
export function transposedMatrix(graph: OnnxGraph, constant: Constant): StoredMatrix {
  const [columns, rows] = [constant.shape[0]!, constant.shape[1]!];
  return {
    rows,
    columns,
    async *read(from, to) {
      const values = await floats(graph, constant, 0, constant.elements);
      for (const [first, count] of pieces(from, to, columns)) {
        const piece = new Float32Array(count * columns);
        for (let column = 0; column < columns; column++) {
          for (let row = 0; row < count; row++) {
            piece[row * columns + column] = values[column * rows + first + row]!;
          }
        }
        yield piece;
      }
    },
  };
}

/** What MatMulNBits and GatherBlockQuantized know of a quantized matrix. */
export interface BlockedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly bits: 4 | 8;
  /** Columns that share a scale. */
  readonly blockSize: number;
  /** The levels, row by row; with 4 bits two in a byte, the lower half first. */
  readonly levels: Constant;
  /** One for each block, row by row. */
  readonly scales: Constant;
  /** The level of zero of each block, packed as the levels are, each row from a new byte; the middle if absent. */
  readonly zeros: Constant | undefined;
}

/** A matrix of blocks: `(level - zero) * scale`. */
export function blockedMatrix(graph: OnnxGraph, matrix: BlockedMatrix): StoredMatrix {
  const { rows, columns, bits, blockSize, levels, scales, zeros } = matrix;
  const blocks = Math.ceil(columns / blockSize);
  const perByte = 8 / bits;
  const levelBytes = (blocks * blockSize) / perByte;
  const zeroBytes = Math.ceil(blocks / perByte);
  const level = (bytes: Uint8Array, row: number, at: number) =>
    bits === 8 ? bytes[row + at]! : (bytes[row + (at >> 1)]! >> (4 * (at & 1))) & 15;
  checkElements(graph, levels, rows * levelBytes);
  checkElements(graph, scales, rows * blocks);
  if (zeros) checkElements(graph, zeros, rows * zeroBytes);
  return {
    rows,
    columns,
    async *read(from, to) {
      for (const [first, count] of pieces(from, to, columns)) {
        const stored = await graph.read(levels, first * levelBytes, count * levelBytes);
        const scale = await floats(graph, scales, first * blocks, count * blocks);
        const zero = zeros && (await graph.read(zeros, first * zeroBytes, count * zeroBytes));
        const piece = new Float32Array(count * columns);
        for (let row = 0; row < count; row++) {
          for (let column = 0; column < columns; column++) {
            const block = Math.floor(column / blockSize);
            const middle = zero ? level(zero, row * zeroBytes, block) : 1 << (bits - 1);
            piece[row * columns + column] =
              (level(stored, row * levelBytes, column) - middle) * scale[row * blocks + block]!;
          }
        }
        yield piece;
      }
    },
  };
}

function* pieces(
  from: number,
  to: number,
  columns: number,
): Generator<readonly [first: number, count: number]> {
  const rows = Math.max(1, Math.floor(PIECE_ELEMENTS / columns));
  for (let first = from; first < to; first += rows) yield [first, Math.min(rows, to - first)];
}

async function floats(
  graph: OnnxGraph,
  constant: Constant,
  from: number,
  count: number,
): Promise<Float32Array> {
  const toFloats = FLOAT_READERS.get(constant.dtype);
  if (!toFloats) throw invalid(graph.path, `tensor "${constant.name}" is ${constant.dtype}, expected floats`);
  return toFloats(await graph.read(constant, from, count));
}

function checkElements(graph: OnnxGraph, { name, elements, shape }: Constant, expected: number): void {
  if (elements === expected) return;
  throw invalid(graph.path, `tensor "${name}" is [${shape.join(", ")}], expected ${expected} elements`);
}
