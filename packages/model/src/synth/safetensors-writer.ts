/** Writes safetensors files. */

/** The name and shape of a tensor to write. */
export interface TensorHeader {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A tensor to write: row-major values. */
export interface TensorToWrite extends TensorHeader {
  readonly values: Float32Array;
}

const DTYPE_BYTES = { F32: 4, BF16: 2 } as const;

/** Everything before the data: the file continues with the values of these tensors, in this order. */
export function safetensorsHeader(tensors: readonly TensorHeader[], dtype: keyof typeof DTYPE_BYTES): Buffer {
  const header: Record<string, object> = {};
  let end = 0;
  for (const { name, shape } of tensors) {
    const begin = end;
    end += shape.reduce((product, dimension) => product * dimension, DTYPE_BYTES[dtype]);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  // Spaces after the header keep the data 8-byte aligned.
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, " ");
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/** The bytes of a whole file of F32 tensors. */
export function encodeSafetensors(tensors: readonly TensorToWrite[]): Buffer {
  const data = tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return Buffer.concat([safetensorsHeader(tensors, "F32"), ...data]);
}
