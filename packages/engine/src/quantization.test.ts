/** @jest-environment ./packages/engine/jest-onnx-environment.cjs */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PageDtype } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import { prepareModel, type WeightFormat } from "@baton/model";
import { GOLDEN_MODELS } from "@baton/model/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { OnnxModelRunner } from "./onnx-model-runner.ts";
import { largestDifference, RunnerBench, TEST_BATCH_TOKENS } from "./testing/runner-bench.ts";

interface Quantization {
  readonly weights: WeightFormat;
  readonly pageDtype: PageDtype;
  /** Root mean square of the logits' errors, as a share of the logits' own; random weights are the hardest to quantize. */
  readonly largestError: number;
  /**
   * Sums of integers are exact; the 4-bit kernel adds the blocks of a row as floats, in an order that varies, as fp32
   * does. Pages of int8 make a whole level of the last bit of such a sum.
   */
  readonly rounding: number;
}

const QUANTIZATIONS: readonly Quantization[] = [
  { weights: "int8", pageDtype: "fp32", largestError: 0.05, rounding: Number.MIN_VALUE },
  { weights: "int4", pageDtype: "fp32", largestError: 0.5, rounding: 1e-4 },
  { weights: "int8", pageDtype: "int8", largestError: 0.06, rounding: Number.MIN_VALUE },
  { weights: "fp32", pageDtype: "int8", largestError: 0.03, rounding: 0.01 },
];

let cacheFolder: string;
let bench: RunnerBench;

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), "baton-quantized-"));
});

afterAll(() => rm(cacheFolder, { recursive: true, force: true }));

afterEach(() => bench.runner.close());

async function load(folder: string, { weights, pageDtype }: Quantization): Promise<void> {
  const model = await prepareModel(folder, { cacheFolder, weights });
  const memory = new KvMemory(model.layout(16), 1024);
  const spec = { ...model.runner(16, pageDtype), threads: 1, roles: ["prefill", "decode"] } as const;
  const runner = await OnnxModelRunner.create(spec, memory, TEST_BATCH_TOKENS);
  bench = new RunnerBench({ runner, memory });
}

describe.each(QUANTIZATIONS)("With $weights weights and $pageDtype pages", (quantization) => {
  test.each(GOLDEN_MODELS)(
    "$name comes close to the reference in prefill and decode",
    async ({ folder, golden }) => {
      await load(folder, quantization);
      const { prompt, recordedIds, logits } = golden;
      const { blocks } = await bench.compute(prompt.slice(0, 100));
      bench.load(0, blocks, 100);
      let [error, size] = [0, 0];
      for (let position = 100; position < 400; position++) {
        const [row] = await bench.decode([{ position, tokenId: prompt[position]! }]);
        for (const [i, id] of recordedIds.entries()) {
          error += (row![id]! - logits[position]![i]!) ** 2;
          size += logits[position]![i]! ** 2;
        }
      }
      expect(Math.sqrt(error / size)).toBeLessThan(quantization.largestError);
    },
  );

  test("a prompt gives the same KV and logits, bit for bit, however it is cut into chunks", async () => {
    await load(GOLDEN_MODELS[0]!.folder, quantization);
    const prompt = bench.prompt(300, 1);
    const whole = await bench.compute(prompt);
    for (const chunkTokens of [2, 37, 256]) {
      const parts = await bench.compute(prompt, chunkTokens);
      expect(parts.logits).toEqual(whole.logits);
      expect(bench.kvOf(parts.blocks, 300)).toEqual(bench.kvOf(whole.blocks, 300));
    }
  });

  test("a sequence gives the same logits, whatever else is in its batch", async () => {
    await load(GOLDEN_MODELS[0]!.folder, quantization);
    const prompts = await Promise.all([40, 7, 100].map((length) => bench.prompt(length, length)));
    const alone: Float32Array[] = [];
    for (const batch of [1, 2, 3]) {
      for (const [seat, prompt] of prompts.slice(0, batch).entries()) {
        const { blocks } = await bench.compute(prompt);
        bench.load(seat, blocks, prompt.length);
      }
      const rows = await bench.decode(
        prompts.slice(0, batch).map(({ length }) => ({ position: length, tokenId: 5 })),
      );
      alone.push(rows[0]!);
    }
    expect(largestDifference(alone[0]!, alone[1]!)).toBeLessThan(quantization.rounding);
    expect(largestDifference(alone[0]!, alone[2]!)).toBeLessThan(quantization.rounding);
  });
});
