/** The float types that weights are stored in, little-endian, and their values as float32: all of them exact. */

/** Turns stored elements into float32 values. */
export type FloatReader = (bytes: Uint8Array) => Float32Array;

/** Readers by the name that safetensors gives the type. The bytes are whole elements. */
export const FLOAT_READERS: ReadonlyMap<string, FloatReader> = new Map([
  ["F32", readF32],
  ["F16", readF16],
  ["BF16", readBF16],
]);

function readF32(bytes: Uint8Array): Float32Array {
  return new Float32Array(alignedBuffer(bytes));
}

/** A bfloat16 is the upper half of a float32. */
function readBF16(bytes: Uint8Array): Float32Array {
  const halves = new Uint16Array(alignedBuffer(bytes));
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

function readF16(bytes: Uint8Array): Float32Array {
  const halves = new Uint16Array(alignedBuffer(bytes));
  const values = new Float32Array(halves.length);
  f16Values ??= Float32Array.from({ length: 65_536 }, (_, half) => f16Value(half));
  for (let i = 0; i < halves.length; i++) values[i] = f16Values[halves[i]!]!;
  return values;
}

/** Every value there is: a look-up is an order of magnitude faster than taking each apart. */
let f16Values: Float32Array | undefined;

/** IEEE 754 half precision: 1 bit sign, 5 bits exponent, 10 bits fraction. */
function f16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = (half & 0x3ff) / 1024;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -14;
  return sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** The bytes in a buffer of their own, which typed arrays of wider elements can look at. */
function alignedBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteOffset === 0 && byteLength === buffer.byteLength) return buffer as ArrayBuffer;
  return new Uint8Array(bytes).buffer;
}
