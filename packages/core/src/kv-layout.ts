/**
 * The shape of a KV cache. Two workers can hand over KV only if their layouts are equal in every field.
 *
 * Bytes of one block, in this order: layer, then key before value, then KV head, then position in the block, then
 * element of the head: `[layers][2][kvHeads][blockSize][headDim]` of `dtype`, little-endian.
 */
export interface KvLayout {
  readonly layers: number;
  readonly kvHeads: number;
  /** Elements per head. */
  readonly headDim: number;
  readonly dtype: KvDtype;
  /** Tokens per block. */
  readonly blockSize: number;
  /** Names the checkpoint whose KV this is, and the precision that it is computed in. */
  readonly modelHash: string;
}

/** Element types of a KV cache. */
export type KvDtype = "float32";

/** Bytes per element of each type. */
export const KV_DTYPE_BYTES = { float32: 4 } as const satisfies Record<KvDtype, number>;

/** Bytes of keys and values of one token, over all layers. */
export function kvBytesPerToken(layout: KvLayout): number {
  return layout.layers * 2 * layout.kvHeads * layout.headDim * KV_DTYPE_BYTES[layout.dtype];
}

/**
 * Element types of pages, in which a decode step reads the KV of running sequences: as in blocks, or in 8 bits with a
 * scale for each token and head.
 */
export type PageDtype = "fp32" | "int8";

/** Bytes of keys and values of one token in pages, over all layers. */
export function pageBytesPerToken(layout: KvLayout, dtype: PageDtype): number {
  if (dtype === "fp32") return kvBytesPerToken(layout);
  return layout.layers * layout.kvHeads * (2 * layout.headDim + INT8_PAGE_FLOATS * 4);
}

/** What int8 pages say of a token's K and V of one head: two scales, and what makes up for K's zero point. */
const INT8_PAGE_FLOATS = 3;

/** Bytes of one block. */
export function kvBytesPerBlock(layout: KvLayout): number {
  return kvBytesPerToken(layout) * layout.blockSize;
}

/** Blocks needed for `tokens` tokens; the last may be partly filled. */
export function blocksFor(tokens: number, blockSize: number): number {
  return Math.ceil(tokens / blockSize);
}

/** The first field in which two layouts differ, with both values, or undefined when they are equal. */
export function kvLayoutDifference(
  ours: KvLayout,
  theirs: KvLayout,
):
  | { readonly field: keyof KvLayout; readonly ours: string | number; readonly theirs: string | number }
  | undefined {
  const fields = ["modelHash", "layers", "kvHeads", "headDim", "dtype", "blockSize"] as const;
  for (const field of fields) {
    if (ours[field] !== theirs[field]) return { field, ours: ours[field], theirs: theirs[field] };
  }
  return undefined;
}
