import { type KvLayout, kvBytesPerBlock, kvBytesPerToken } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { kvBudget } from "./kv-budget.ts";

const layout: KvLayout = {
  layers: 30,
  kvHeads: 3,
  headDim: 64,
  dtype: "float32",
  blockSize: 16,
  modelHash: "abc",
};

describe("the KV memory of a worker", () => {
  test("is never more than the limit, whatever is divided", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 ** 24, max: 2 ** 34 }), (bytes) => {
        const { kvBlocks, batchTokens } = kvBudget(bytes, layout, "decode");
        const used = kvBlocks * kvBytesPerBlock(layout) + batchTokens * kvBytesPerToken(layout);
        expect(used).toBeLessThanOrEqual(bytes);
        expect(used).toBeGreaterThan(bytes - kvBytesPerBlock(layout) - kvBytesPerToken(layout) - 1);
      }),
    );
  });

  test("is all blocks where nothing is decoded, and else holds the longest sequence twice", () => {
    const prefill = kvBudget(2 ** 30, layout, "prefill");
    expect(prefill.maxTokens).toBe(prefill.kvBlocks * 16);
    for (const role of ["decode", "aggregated"] as const) {
      const { kvBlocks, batchTokens, maxTokens } = kvBudget(2 ** 30, layout, role);
      expect(kvBlocks).toBe(Math.floor(prefill.kvBlocks / 2));
      expect(maxTokens % 128).toBe(0);
      expect(maxTokens).toBeLessThanOrEqual(Math.min(batchTokens, kvBlocks * 16));
      expect(maxTokens).toBeGreaterThan(batchTokens - 144);
    }
  });
});
