// The names of blocks in the prefix cache, and between workers and routers.
//
// Both hashes are those of NVIDIA Dynamo, so that golden values can be shared:
//   block hash     l(i) = xxh3-64 over the block's token ids as little-endian u32, seed 1337
//   sequence hash  s(0) = l(0); s(i) = xxh3-64 over the little-endian u64 pair (s(i-1), l(i)), seed 1337
// Only full blocks have a name: a partly filled block may still change.

import { xxh3 } from "@node-rs/xxhash";

/** Seed of every hash; a worker and a router that differ in it would never see a common prefix. */
export const BLOCK_HASH_SEED = 1337n;

/** Token ids with the names of their full blocks. */
export interface HashedTokens {
  readonly tokenIds: readonly number[];
  /** Sequence hash of each full block: names the block together with everything before it. */
  readonly sequenceHashes: readonly bigint[];
}

/** Block hash of each full block of `tokenIds`; what is left over at the end has none. */
export function blockHashes(tokenIds: readonly number[], blockSize: number): bigint[] {
  const bytes = new DataView(new ArrayBuffer(blockSize * 4));
  const input = new Uint8Array(bytes.buffer);
  return Array.from({ length: Math.floor(tokenIds.length / blockSize) }, (_, block) => {
    for (let i = 0; i < blockSize; i++) bytes.setUint32(i * 4, tokenIds[block * blockSize + i]!, true);
    return xxh3.xxh64(input, BLOCK_HASH_SEED);
  });
}

/** Sequence hashes of consecutive blocks that begin a sequence, from their block hashes. */
export function sequenceHashes(hashes: readonly bigint[]): bigint[] {
  const bytes = new DataView(new ArrayBuffer(16));
  const input = new Uint8Array(bytes.buffer);
  let parent: bigint | undefined;
  return hashes.map((hash) => {
    parent = parent === undefined ? hash : chain(parent, hash);
    return parent;
  });

  function chain(before: bigint, hash: bigint): bigint {
    bytes.setBigUint64(0, before, true);
    bytes.setBigUint64(8, hash, true);
    return xxh3.xxh64(input, BLOCK_HASH_SEED);
  }
}

/** Names the full blocks of a prompt. */
export function hashTokens(tokenIds: readonly number[], blockSize: number): HashedTokens {
  return { tokenIds, sequenceHashes: sequenceHashes(blockHashes(tokenIds, blockSize)) };
}
