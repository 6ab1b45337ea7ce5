/** 8-bit quantization of the rows of a matrix: one scale per row, that is per output of a linear layer. */

/** Largest magnitude of a stored value; -128 is left out so that the range is symmetric. */
const LEVELS = 127;

/** Quantizes one row into `target`; returns the scale. Each value comes back with an error of at most half of it. */
export function quantizeInt8Row(row: Float32Array, target: Int8Array): number {
  let largest = 0;
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]!));
  const scale = Math.fround(largest / LEVELS);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < row.length; i++) {
    target[i] = Math.min(LEVELS, Math.max(-LEVELS, Math.round(row[i]! * inverse)));
  }
  return scale;
}
