import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { readModelFiles } from "./model-files.ts";
import { writeRandomCheckpoint } from "./testing/random-checkpoint.ts";
import { temporaryFolder } from "./testing/temporary-folder.ts";

async function edit(path: string, change: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(path, "utf8"));
  change(json);
  await writeFile(path, JSON.stringify(json));
}

/** The generation defaults of a model whose generation_config.json is this, or is missing. */
async function generationWith(json: object | undefined) {
  await using folder = await temporaryFolder();
  await writeRandomCheckpoint(folder.path, { eosTokenIds: [256] }, 1);
  const path = join(folder.path, "generation_config.json");
  await (json === undefined ? rm(path) : writeFile(path, JSON.stringify(json)));
  return (await readModelFiles(folder.path)).generation;
}

describe("Reading a model's files", () => {
  test("calls the model after its folder", async () => {
    await using folder = await temporaryFolder();
    await writeRandomCheckpoint(folder.path, {}, 1);
    const { name, config, tokenizer } = await readModelFiles(`${folder.path}/`);
    expect(name).toBe(basename(folder.path));
    expect(config.vocabSize).toBe(259);
    expect(tokenizer.tokenizerConfig).toHaveProperty("chat_template");
  });

  test("takes defaults from generation_config.json", async () => {
    const json = {
      eos_token_id: [1, 2],
      do_sample: true,
      temperature: 0.6,
      top_p: 0.9,
      top_k: 20,
      min_p: 0.1,
      repetition_penalty: 1.1,
      max_new_tokens: 50,
    };
    expect(await generationWith(json)).toEqual({
      eosTokenIds: [1, 2],
      temperature: 0.6,
      topP: 0.9,
      topK: 20,
      minP: 0.1,
      repetitionPenalty: 1.1,
      maxNewTokens: 50,
    });
  });

  test("is greedy when sampling is off, whatever the temperature beside it", async () => {
    expect(await generationWith({ do_sample: false, temperature: 0.6 })).toMatchObject({ temperature: 0 });
  });

  test("falls back on config.json when there is no generation_config.json", async () => {
    const expected = {
      eosTokenIds: [256],
      temperature: 1,
      topP: 1,
      topK: 0,
      minP: 0,
      repetitionPenalty: 1,
      maxNewTokens: undefined,
    };
    expect(await generationWith(undefined)).toEqual(expected);
  });

  test("names the field of generation_config.json that is wrong", async () => {
    await expect(generationWith({ top_p: 1.5 })).rejects.toThrow(/generation_config\.json": top_p is 1\.5: /);
  });

  test("takes the chat template from a file of its own, which counts more than tokenizer_config.json", async () => {
    await using folder = await temporaryFolder();
    await writeRandomCheckpoint(folder.path, {}, 1);
    await writeFile(join(folder.path, "chat_template.jinja"), "{{ bos_token }}");
    const { tokenizer } = await readModelFiles(folder.path);
    expect(tokenizer.tokenizerConfig.chat_template).toBe("{{ bos_token }}");
  });

  test("refuses a token id beyond the model's vocabulary", async () => {
    await using folder = await temporaryFolder();
    await writeRandomCheckpoint(folder.path, {}, 1);
    await edit(join(folder.path, "tokenizer.json"), (json) => {
      (json.added_tokens as { id: number }[])[0]!.id = 259;
    });
    await expect(readModelFiles(folder.path)).rejects.toThrow(
      /token "<\|endoftext\|>" has the id 259, expected less than the model's vocab_size 259/,
    );
  });

  test("refuses a tokenizer of another kind than BPE", async () => {
    await using folder = await temporaryFolder();
    await writeRandomCheckpoint(folder.path, {}, 1);
    await edit(join(folder.path, "tokenizer.json"), (json) => {
      (json.model as { type: string }).type = "WordPiece";
    });
    await expect(readModelFiles(folder.path)).rejects.toThrow(/model\.type is "WordPiece": only BPE/);
  });
});
