import { expect, test } from "@jest/globals";
import {
  blocksFor,
  type KvLayout,
  kvBytesPerBlock,
  kvBytesPerToken,
  kvLayoutDifference,
} from "./kv-layout.ts";

const layout: KvLayout = {
  layers: 30,
  kvHeads: 3,
  headDim: 64,
  dtype: "float32",
  blockSize: 16,
  modelHash: "ab",
};

test("bytes follow from the shape", () => {
  expect(kvBytesPerToken(layout)).toBe(30 * 2 * 3 * 64 * 4);
  expect(kvBytesPerBlock(layout)).toBe(16 * kvBytesPerToken(layout));
});

test("blocksFor() rounds up", () => {
  expect([1, 16, 17].map((tokens) => blocksFor(tokens, 16))).toEqual([1, 1, 2]);
});

test("kvLayoutDifference() names the first field that differs, with both values", () => {
  expect(kvLayoutDifference(layout, { ...layout })).toBeUndefined();
  expect(kvLayoutDifference(layout, { ...layout, headDim: 32 })).toEqual({
    field: "headDim",
    ours: 64,
    theirs: 32,
  });
});
