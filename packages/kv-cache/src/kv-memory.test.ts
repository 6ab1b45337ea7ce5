import { blockId, type KvLayout } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { KvMemory } from "./kv-memory.ts";

const layout: KvLayout = {
  layers: 1,
  kvHeads: 1,
  headDim: 2,
  dtype: "float32",
  blockSize: 2,
  modelHash: "00",
};

describe("KvMemory", () => {
  test("shows the same memory as bytes and as elements, block after block", () => {
    const memory = new KvMemory(layout, 3);
    memory.floats(blockId(1)).fill(1);
    expect(memory.bytes(blockId(0)).every((byte) => byte === 0)).toBe(true);
    expect(memory.bytes(blockId(1))).toHaveLength(1 * 2 * 1 * 2 * 2 * 4);
    expect([...memory.floats(blockId(1))]).toEqual(Array(8).fill(1));
    expect(memory.bytes(blockId(2)).every((byte) => byte === 0)).toBe(true);
  });

  test("shares its memory with another view of the same buffer", () => {
    const memory = new KvMemory(layout, 2);
    new KvMemory(layout, 2, memory.buffer).floats(blockId(1))[0] = 7;
    expect(memory.floats(blockId(1))[0]).toBe(7);
  });

  test("refuses a buffer of another size, naming both", () => {
    expect(() => new KvMemory(layout, 2, new SharedArrayBuffer(32))).toThrow(
      "Cannot lay 2 KV blocks over 32 bytes: expected 64",
    );
  });
});
