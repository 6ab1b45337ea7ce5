import { describe, expect, test } from "@jest/globals";
import { blockHashes, hashTokens, sequenceHashes } from "./block-hash.ts";

// Made with python-xxhash 3.5.0:
//   xxhash.xxh3_64_intdigest(struct.pack(f"<{len(ids)}I", *ids), seed=1337)      a block hash
//   xxhash.xxh3_64_intdigest(struct.pack("<QQ", before, block), seed=1337)       a sequence hash
// The hashes of 1 … 8 in blocks of four are also those in the unit tests of NVIDIA Dynamo.
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe("blockHashes", () => {
  test.each([
    [[1, 2, 3, 4], 0xcb38e4d7fb2dca5cn],
    [[5, 6, 7, 8], 0xe8d3ec39b907b74cn],
    [[9, 10, 11, 12], 0x06b748f1777d599cn],
    [Array(16).fill(0), 0x4ca6490661395090n],
    [range(0, 16), 0xd47a8f41c833328an],
    [Array(4).fill(4294967295), 0xac3b1b1159a1e879n],
    [range(0, 64), 0x304d910e689e42bfn],
    [range(1000, 256), 0x42df3bc5e3e20fc8n],
  ])("equals the reference implementation on %j", (ids, golden) => {
    expect(blockHashes(ids, ids.length)).toEqual([golden]);
  });

  test("names full blocks only", () => {
    expect(blockHashes([], 4)).toEqual([]);
    expect(blockHashes([1, 2, 3], 4)).toEqual([]);
    expect(blockHashes([1, 2, 3, 4, 5], 4)).toEqual(blockHashes([1, 2, 3, 4], 4));
  });

  test("does not depend on what stands before a block", () => {
    expect(blockHashes([9, 9, 1, 2], 2)[1]).toBe(blockHashes([1, 2], 2)[0]);
  });
});

describe("sequenceHashes", () => {
  test("chains block hashes as the reference does", () => {
    expect(sequenceHashes(blockHashes(range(1, 12), 4))).toEqual([
      0xcb38e4d7fb2dca5cn,
      0x44a2b2379d6d3c3dn,
      0xaea1e67a6c80cf84n,
    ]);
  });

  test("tells equal blocks with different beginnings apart", () => {
    expect(hashTokens([1, 2, 7, 7], 2).sequenceHashes[1]).not.toBe(
      hashTokens([1, 3, 7, 7], 2).sequenceHashes[1],
    );
  });

  test("of nothing are none", () => {
    expect(sequenceHashes([])).toEqual([]);
  });
});
