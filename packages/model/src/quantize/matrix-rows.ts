/** Reads checkpoint tensors row by row, whatever pieces they come in. */
import type { TensorSource } from "../checkpoint/tensor-source.ts";

/** The rows of some tensors of `columns` columns, one tensor after the other. A row is valid until the next is asked for. */
export async function* matrixRows(
  source: TensorSource,
  tensors: readonly string[],
  columns: number,
): AsyncGenerator<Float32Array> {
  const row = new Float32Array(columns);
  let filled = 0;
  for (const tensor of tensors) {
    for await (const values of source.read(tensor)) {
      for (let at = 0; at < values.length; ) {
        const part = values.subarray(at, at + columns - filled);
        row.set(part, filled);
        at += part.length;
        filled += part.length;
        if (filled < columns) continue;
        filled = 0;
        yield row;
      }
    }
  }
}
