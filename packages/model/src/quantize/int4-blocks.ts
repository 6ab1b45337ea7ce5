/**
 * Blockwise 4-bit quantization of the rows of a matrix, in the layout of the MatMulNBits operator.
 *
 * Each block of `INT4_BLOCK` values along a row has one scale s; a value v is stored as q = round(v / s) + 8 in 0 … 15,
 * two to a byte, the earlier in the lower half. s is the block's value of largest magnitude divided by -8, so that this
 * one is met exactly and all 16 levels are used; the other end of the range has only 7 steps, so what lies beyond 7.5
 * of them is cut.
 */

/** Values of a block. */
export const INT4_BLOCK = 64;
const BLOCK_BYTES = INT4_BLOCK / 2;
const ZERO_POINT = 8;

/** A quantized row. */
export interface Int4Row {
  /** `ceil(columns / INT4_BLOCK)` blocks of 32 bytes; what lies beyond the row's end is zero. */
  readonly quantized: Uint8Array;
  /** One per block. */
  readonly scales: Float32Array;
}

/** Blocks of a row. */
export function int4Blocks(columns: number): number {
  return Math.ceil(columns / INT4_BLOCK);
}

/** Quantizes one row. Each value comes back with an error of at most |scale| of its block. */
export function quantizeInt4Row(row: Float32Array): Int4Row {
  const blocks = int4Blocks(row.length);
  const quantized = new Uint8Array(blocks * BLOCK_BYTES).fill((ZERO_POINT << 4) | ZERO_POINT);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const begin = block * INT4_BLOCK;
    const values = row.subarray(begin, begin + INT4_BLOCK);
    scales[block] = extremeOf(values) / -ZERO_POINT;
    packBlock(values, scales[block]!, quantized.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
  }
  return { quantized, scales };
}

/** The value of largest magnitude. */
function extremeOf(values: Float32Array): number {
  let extreme = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  return extreme;
}

function packBlock(values: Float32Array, scale: number, bytes: Uint8Array): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < values.length; i++) {
    const level = Math.min(15, Math.max(0, Math.round(values[i]! * inverse) + ZERO_POINT));
    const shift = (i & 1) * 4;
    bytes[i >> 1] = (bytes[i >> 1]! & (0xf0 >> shift)) | (level << shift);
  }
}
