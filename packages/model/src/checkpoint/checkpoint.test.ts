import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { writeRandomCheckpoint } from "../testing/random-checkpoint.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { hashCheckpoint, openCheckpoint } from "./checkpoint.ts";
import { llamaTensors } from "./llama-tensors.ts";
import { encodeSafetensors } from "./safetensors.ts";

/** Changes fields of a small model's config.json and opens it. */
async function openWith(changes: Readonly<Record<string, unknown>>) {
  await using folder = await temporaryFolder();
  await writeRandomCheckpoint(folder.path, {}, 1);
  await editConfig(folder.path, changes);
  await using checkpoint = await openCheckpoint(folder.path);
  return checkpoint.config;
}

async function editConfig(folder: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
  const path = join(folder, "config.json");
  const config = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ ...config, ...changes }));
}

describe("Opening a checkpoint", () => {
  test("reads the config that was written", async () => {
    await using folder = await temporaryFolder();
    const written = await writeRandomCheckpoint(folder.path, { tiedEmbeddings: true, ropeTheta: 5e5 }, 1);
    await using checkpoint = await openCheckpoint(folder.path);
    expect(checkpoint.config).toEqual(written);
  });

  test("fills in what Hugging Face leaves out", async () => {
    const missing = {
      rope_theta: undefined,
      rms_norm_eps: undefined,
      hidden_act: undefined,
      eos_token_id: 2,
    };
    expect(await openWith(missing)).toMatchObject({ ropeTheta: 10_000, normEpsilon: 1e-6, eosTokenIds: [2] });
  });

  test("takes the rotary base from rope_parameters, where newer files have it", async () => {
    expect(await openWith({ rope_parameters: { rope_type: "default", rope_theta: 777 } })).toMatchObject({
      ropeTheta: 777,
    });
  });

  test.each([
    [
      { architectures: ["GPT2LMHeadModel"] },
      /has the architecture "GPT2LMHeadModel", supported: LlamaForCausalLM/,
    ],
    [{ architectures: undefined }, /architectures is missing/],
    [{ hidden_size: "big" }, /config\.json": hidden_size is "big": .*expected number/],
    [{ num_hidden_layers: 0, vocab_size: -1 }, /vocab_size is -1: .*; num_hidden_layers is 0: /],
    [{ hidden_act: "gelu" }, /hidden_act is "gelu": only "silu" is supported/],
    [{ attention_bias: true }, /attention_bias is true: biases are not supported/],
    [
      { rope_scaling: { rope_type: "llama3" } },
      /rope_scaling is .*llama3.*: scaled rotary embeddings are not supported/,
    ],
    [{ num_key_value_heads: 3 }, /num_attention_heads 4 is no multiple of num_key_value_heads 3/],
    [{ head_dim: 12 }, /head_dim is 12, expected a multiple of 16/],
    [
      { intermediate_size: 64 },
      /tensor "model\.layers\.0\.mlp\.gate_proj\.weight" is \[48, 32\], expected \[64, 32\]/,
    ],
    [
      { num_hidden_layers: 3 },
      /tensor "model\.layers\.2\.input_layernorm\.weight" is missing, expected F32 \[32\]/,
    ],
  ])("refuses %j and says what is wrong", async (changes, message) => {
    await expect(openWith(changes)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });

  test("refuses weights of another type than F32", async () => {
    await using folder = await temporaryFolder();
    const config = await writeRandomCheckpoint(folder.path, {}, 1);
    const path = join(folder.path, "model.safetensors");
    const tensors = llamaTensors(config).map(({ name, shape }) => {
      return { name, shape, values: new Float32Array(shape.reduce((product, size) => product * size, 1)) };
    });
    // I32 has the same size, so that only the type is wrong.
    const text = encodeSafetensors(tensors).toString("latin1").replace('"F32"', '"I32"');
    await writeFile(path, Buffer.from(text, "latin1"));
    await expect(openCheckpoint(folder.path)).rejects.toThrow(
      /"model\.embed_tokens\.weight" is I32, expected F32/,
    );
  });

  test.each(["config.json", "model.safetensors"])("names %s when it is missing", async (file) => {
    await using folder = await temporaryFolder();
    await writeRandomCheckpoint(folder.path, {}, 1);
    await rm(join(folder.path, file));
    const expected = {
      code: "not_found",
      message: expect.stringContaining(`${file}": there is no such file`),
    };
    await expect(openCheckpoint(folder.path)).rejects.toMatchObject(expected);
  });

  test("names config.json when it is not JSON", async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "config.json"), "{");
    await expect(openCheckpoint(folder.path)).rejects.toThrow(/config\.json": it is not JSON/);
  });
});

describe("The hash of a checkpoint", () => {
  test("changes with the weights and with the config, and with nothing else", async () => {
    await using folder = await temporaryFolder();
    await writeRandomCheckpoint(folder.path, {}, 1);
    const first = await hashCheckpoint(folder.path);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    await appendFile(join(folder.path, "tokenizer_config.json"), "\n");
    expect(await hashCheckpoint(folder.path)).toBe(first);
    await editConfig(folder.path, { rope_theta: 20_000 });
    const second = await hashCheckpoint(folder.path);
    expect(second).not.toBe(first);
    await writeRandomCheckpoint(folder.path, {}, 2);
    expect([first, second]).not.toContain(await hashCheckpoint(folder.path));
  });
});
