import { type KvLayout, kvBytesPerBlock, pageBytesPerToken } from "@baton/core";
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
      fc.property(
        fc.integer({ min: 2 ** 24, max: 2 ** 34 }),
        fc.constantFrom("fp32", "int8"),
        (bytes, dtype) => {
          const { kvBlocks, batchTokens } = kvBudget(bytes, layout, "decode", dtype);
          const pageBytes = pageBytesPerToken(layout, dtype);
          const used = kvBlocks * kvBytesPerBlock(layout) + batchTokens * pageBytes;
          expect(used).toBeLessThanOrEqual(bytes);
          expect(used).toBeGreaterThan(bytes - kvBytesPerBlock(layout) - pageBytes - 1);
        },
      ),
    );
  });

  test("is all blocks where nothing is decoded, and else holds the longest sequence twice", () => {
    const prefill = kvBudget(2 ** 30, layout, "prefill", "fp32");
    expect(prefill.maxTokens).toBe(prefill.kvBlocks * 16);
    for (const role of ["decode", "aggregated"] as const) {
      const { kvBlocks, batchTokens, maxTokens } = kvBudget(2 ** 30, layout, role, "fp32");
      expect(kvBlocks).toBe(Math.floor(prefill.kvBlocks / 2));
      expect(maxTokens % 128).toBe(0);
      expect(maxTokens).toBeLessThanOrEqual(Math.min(batchTokens, kvBlocks * 16));
      expect(maxTokens).toBeGreaterThan(batchTokens - 144);
    }
  });
  test("has room for more running tokens in int8, and for as many that are computed again", () => {
    const exact = kvBudget(2 ** 30, layout, "decode", "fp32");
    const bytes = kvBudget(2 ** 30, layout, "decode", "int8");
    expect(bytes.batchTokens / exact.batchTokens).toBeCloseTo(512 / 140, 3);
    expect(bytes.kvBlocks).toBe(exact.kvBlocks);
    expect(bytes.maxTokens).toBe(bytes.kvBlocks * 16);
  });
});
