import { createHash } from "node:crypto";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadTokenizer } from "@baton/tokenizer";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import { readModelFiles } from "../model-files.ts";
import { ReferenceModel } from "../testing/reference-forward.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { ensureDemoCheckpoint } from "./demo-checkpoint.ts";

/** Of the five files in alphabetical order. A change of the demo model changes it, nothing else may. */
const SHA256 = "465d91d3a1d3db0d1478fa836e92c5b8422fb8c5e4c3d4436eef1c1615a6fddb";

describe("The demo model", () => {
  test("has the same bytes on every machine", async () => {
    await using cache = await temporaryFolder();
    const folder = await ensureDemoCheckpoint(cache.path);
    const files = (await readdir(folder)).toSorted();
    expect(files).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const hash = createHash("sha256");
    for (const file of files) hash.update(await readFile(join(folder, file)));
    expect(hash.digest("hex")).toBe(SHA256);
  });

  test("is repaired where it is damaged, and otherwise left alone", async () => {
    await using cache = await temporaryFolder();
    const folder = await ensureDemoCheckpoint(cache.path);
    const weights = join(folder, "model.safetensors");
    const config = join(folder, "config.json");
    const [good, { ino }] = [await readFile(config), await stat(weights)];
    await writeFile(config, "{}");
    expect(await ensureDemoCheckpoint(cache.path)).toBe(folder);
    expect(await readFile(config)).toEqual(good);
    expect((await stat(weights)).ino).toBe(ino);
    expect(await readdir(folder)).toHaveLength(5);
  });

  test("has a tokenizer that returns any text, and a chat template", async () => {
    await using cache = await temporaryFolder();
    const {
      name,
      tokenizer: files,
      generation,
    } = await readModelFiles(await ensureDemoCheckpoint(cache.path));
    expect(name).toBe("baton-demo");
    expect(generation).toEqual({
      eosTokenIds: [256, 258],
      temperature: 0,
      topP: 1,
      topK: 0,
      minP: 0,
      repetitionPenalty: 1,
      maxNewTokens: 128,
    });
    const tokenizer = loadTokenizer(files);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
    expect(tokenizer.applyChatTemplate([{ role: "user", content: "Hi" }])).toBe(
      "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    );
  });

  test("answers with words that vary, and differently to different prompts", async () => {
    await using cache = await temporaryFolder();
    await using checkpoint = await openCheckpoint(await ensureDemoCheckpoint(cache.path));
    const model = await ReferenceModel.load(checkpoint);
    const [first, second] = ["Hello", "Hello!"].map((prompt) => greedyText(model.restart(), prompt, 40));
    expect(first).toMatch(/^[a-z ]{40}$/);
    expect(new Set(first).size).toBeGreaterThan(10);
    expect(second).not.toBe(first);
  });
});

function greedyText(model: ReferenceModel, prompt: string, tokens: number): string {
  let logits = [...Buffer.from(prompt)].map((byte) => model.next(byte)).at(-1)!;
  let text = "";
  while (text.length < tokens) {
    const best = logits.indexOf(Math.max(...logits));
    text += String.fromCharCode(best);
    logits = model.next(best);
  }
  return text;
}
