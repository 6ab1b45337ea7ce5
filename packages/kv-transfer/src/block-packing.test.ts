import { type KvLayout, kvBytesPerBlock, kvBytesPerToken } from "@baton/core";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { packBlock, unpackBlock } from "./block-packing.ts";

const layout: KvLayout = {
  layers: 2,
  kvHeads: 1,
  headDim: 1,
  dtype: "float32",
  blockSize: 3,
  modelHash: "a",
};

test("packBlock() keeps the first positions of every layer, key or value, and head", () => {
  const block = Float32Array.from([0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]);
  const packed = packBlock(new Uint8Array(block.buffer), layout, 2);
  expect([...new Float32Array(packed.buffer)]).toEqual([0, 1, 10, 11, 20, 21, 30, 31]);
});

test("packBlock() does not copy a full block", () => {
  const block = new Uint8Array(kvBytesPerBlock(layout));
  expect(packBlock(block, layout, layout.blockSize)).toBe(block);
});

test("unpackBlock() undoes packBlock() and touches nothing else", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 2, max: 5 }),
      fc.nat(),
      (layers, kvHeads, headDim, blockSize, choice) => {
        const shape: KvLayout = { layers, kvHeads, headDim, dtype: "float32", blockSize, modelHash: "a" };
        const count = 1 + (choice % (blockSize - 1));
        const source = Uint8Array.from({ length: kvBytesPerBlock(shape) }, (_, i) => 1 + (i % 255));
        const packed = packBlock(source, shape, count);
        expect(packed.length).toBe(count * kvBytesPerToken(shape));
        const target = new Uint8Array(source.length);
        unpackBlock(packed, target, shape, count);
        expect(packBlock(target, shape, count)).toEqual(packed);
        expect(target.filter((byte) => byte !== 0).length).toBe(packed.length);
      },
    ),
  );
});
