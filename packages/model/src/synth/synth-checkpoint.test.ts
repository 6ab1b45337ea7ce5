import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadTokenizer } from "@baton/tokenizer";
import { expect, test } from "@jest/globals";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { readModelFiles } from "../model-files.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { writeSynthCheckpoint } from "./synth-checkpoint.ts";
import { SYNTH_SHAPES } from "./synth-shapes.ts";

const SHAPES: readonly (readonly [string, ModelConfig])[] = Object.entries(SYNTH_SHAPES);
const TINY = {
  vocabSize: 9000,
  hiddenSize: 128,
  intermediateSize: 64,
  layers: 1,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
};

test.each(SHAPES)(
  "A synthetic model like %s is a whole checkpoint with a word for every token",
  async (_, shape) => {
    await using folder = await temporaryFolder();
    const config = { ...shape, ...TINY };
    let bytes = 0;
    await writeSynthCheckpoint(folder.path, { config, seed: 1, onBytes: (more) => (bytes += more) });
    await using checkpoint = await openCheckpoint(folder.path);
    expect(checkpoint.config).toEqual(config);
    expect(bytes).toBeGreaterThan(2 * TINY.vocabSize * TINY.hiddenSize);
    let largest = 0;
    for await (const values of checkpoint.tensors.read("model.embed_tokens.weight")) {
      for (const value of values) largest = Math.max(largest, Math.abs(value));
    }
    expect(largest).toBeCloseTo(Math.sqrt(3 / TINY.hiddenSize), 2);
    const tokenizer = loadTokenizer((await readModelFiles(folder.path)).tokenizer);
    const words = Array.from({ length: TINY.vocabSize }, (_, id) =>
      tokenizer.decode([id], { skipSpecial: false }),
    );
    expect(new Set(words.slice(259)).size).toBe(TINY.vocabSize - 259);
  },
);

test("The same seed gives the same bytes, another seed others", async () => {
  const weights: Buffer[] = [];
  for (const seed of [1, 1, 2]) {
    await using folder = await temporaryFolder();
    await writeSynthCheckpoint(folder.path, { config: { ...SYNTH_SHAPES["qwen2.5-0.5b"], ...TINY }, seed });
    weights.push(await readFile(join(folder.path, "model.safetensors")));
  }
  expect(weights[1]!.equals(weights[0]!)).toBe(true);
  expect(weights[2]!.equals(weights[0]!)).toBe(false);
});
