/**
 * A partly filled block on the wire is `[layers][2][kvHeads][count][headDim]`: the block's layout with only its first
 * `count` positions. A full block is its own wire form, and is never copied to be sent.
 */
import { KV_DTYPE_BYTES, type KvLayout, kvBytesPerToken } from "@baton/core";

/** The bytes to send for the first `count` tokens of a block: the block itself when it is full, else a packed copy. */
export function packBlock(block: Uint8Array, layout: KvLayout, count: number): Uint8Array {
  if (count === layout.blockSize) return block;
  const packed = new Uint8Array(kvBytesPerToken(layout) * count);
  forEachHead(layout, count, (packedAt, blockAt, bytes) => {
    packed.set(block.subarray(blockAt, blockAt + bytes), packedAt);
  });
  return packed;
}

/** Puts what `packBlock` made for `count` tokens where it belongs in a block; the other positions are left alone. */
export function unpackBlock(packed: Uint8Array, block: Uint8Array, layout: KvLayout, count: number): void {
  forEachHead(layout, count, (packedAt, blockAt, bytes) => {
    block.set(packed.subarray(packedAt, packedAt + bytes), blockAt);
  });
}

/** Calls `visit` with the two offsets and the length of each run of tokens, one per layer, key or value, and head. */
function forEachHead(
  layout: KvLayout,
  count: number,
  visit: (packedAt: number, blockAt: number, bytes: number) => void,
): void {
  const rowBytes = layout.headDim * KV_DTYPE_BYTES[layout.dtype];
  const heads = layout.layers * 2 * layout.kvHeads;
  for (let head = 0; head < heads; head++) {
    visit(head * count * rowBytes, head * layout.blockSize * rowBytes, count * rowBytes);
  }
}
