/**
 * The names of consecutive blocks that begin a sequence: their 64-bit sequence hashes, each as two 32-bit words, the
 * low one first. Names travel and are compared in this form: a bigint is an object on the heap, and a number has too few
 * bits. A little-endian array of u64 has the same bytes.
 */
export type BlockNames = Int32Array;

const WORDS_PER_NAME = 2;
const BYTES_PER_NAME = 8;

/** How many blocks are named. */
export function countBlocks(names: BlockNames): number {
  return names.length / WORDS_PER_NAME;
}

/** The names of blocks from their sequence hashes (`@baton/kv-cache`). */
export function blockNames(sequenceHashes: readonly bigint[]): BlockNames {
  return new Int32Array(BigUint64Array.from(sequenceHashes).buffer);
}

/** The names of blocks from little-endian u64 bytes; copies, as bytes from a wire are rarely aligned. */
export function blockNamesFromBytes(bytes: Uint8Array): BlockNames {
  const whole = bytes.byteLength - (bytes.byteLength % BYTES_PER_NAME);
  // Not `slice`: that of a Buffer copies nothing.
  return new Int32Array(Uint8Array.from(bytes.subarray(0, whole)).buffer);
}
