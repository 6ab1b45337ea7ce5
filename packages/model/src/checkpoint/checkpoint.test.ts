import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { encodeSafetensors } from "../synth/safetensors-writer.ts";
import { writeRandomCheckpoint } from "../testing/random-checkpoint.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { hashCheckpoint, openCheckpoint } from "./checkpoint.ts";
import { decoderTensors } from "./decoder-tensors.ts";

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

  test.each<readonly [string, Readonly<Record<string, unknown>>, object]>([
    ["MistralForCausalLM", { sliding_window: 7 }, { slidingWindow: 7 }],
    ["MistralForCausalLM", { sliding_window: null }, { slidingWindow: undefined }],
    ["MistralForCausalLM", {}, { slidingWindow: 4096 }],
    [
      "LlamaForCausalLM",
      {
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 64,
        },
      },
      { ropeScaling: { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 64 } },
    ],
  ])("reads what is particular to %s with %j", async (architecture, changes, expected) => {
    expect(await openWith({ ...changes, architectures: [architecture] })).toMatchObject(expected);
  });

  test.each([
    ["Qwen2ForCausalLM", "model.layers.0.self_attn.q_proj.bias"],
    ["Qwen3ForCausalLM", "model.layers.0.self_attn.q_norm.weight"],
  ])("demands the tensors that %s has beyond a Llama", async (architecture, tensor) => {
    await expect(openWith({ architectures: [architecture] })).rejects.toThrow(
      new RegExp(`tensor "${tensor}" is missing`),
    );
  });

  test.each([
    [
      { architectures: ["GPT2LMHeadModel"] },
      /has the architecture "GPT2LMHeadModel", supported: LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM/,
    ],
    [{ architectures: undefined }, /architectures is missing/],
    [{ hidden_size: "big" }, /config\.json": hidden_size is "big": .*expected number/],
    [{ num_hidden_layers: 0, vocab_size: -1 }, /vocab_size is -1: .*; num_hidden_layers is 0: /],
    [{ hidden_act: "gelu" }, /hidden_act is "gelu": only "silu" is supported/],
    [{ attention_bias: true }, /attention_bias is true: biases are not supported/],
    [
      { rope_scaling: { rope_type: "yarn" } },
      /rope_scaling\.rope_type is "yarn": only "default" and "llama3"/,
    ],
    [{ rope_scaling: { type: "linear", factor: 2 } }, /rope_scaling\.type is "linear": only/],
    [
      { rope_parameters: { rope_type: "llama3", factor: 8 } },
      /rope_parameters\.low_freq_factor is missing: llama3 scaling needs a positive number/,
    ],
    [
      { architectures: ["Qwen2ForCausalLM"], use_sliding_window: true },
      /use_sliding_window is true: windows in some of the layers are not supported/,
    ],
    [{ num_key_value_heads: 3 }, /num_attention_heads 4 is no multiple of num_key_value_heads 3/],
    [{ head_dim: 12 }, /head_dim is 12, expected a multiple of 16/],
    [
      { intermediate_size: 64 },
      /tensor "model\.layers\.0\.mlp\.gate_proj\.weight" is \[48, 32\], expected \[64, 32\]/,
    ],
    [
      { num_hidden_layers: 3 },
      /tensor "model\.layers\.2\.input_layernorm\.weight" is missing, expected F32, F16 or BF16 \[32\]/,
    ],
  ])("refuses %j and says what is wrong", async (changes, message) => {
    await expect(openWith(changes)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(message),
    });
  });

  test("refuses weights that are not floats", async () => {
    await using folder = await temporaryFolder();
    const config = await writeRandomCheckpoint(folder.path, {}, 1);
    const path = join(folder.path, "model.safetensors");
    const tensors = decoderTensors(config).map(({ name, shape }) => {
      return { name, shape, values: new Float32Array(shape.reduce((product, size) => product * size, 1)) };
    });
    // I32 has the same size, so that only the type is wrong.
    const text = encodeSafetensors(tensors).toString("latin1").replace('"F32"', '"I32"');
    await writeFile(path, Buffer.from(text, "latin1"));
    await expect(openCheckpoint(folder.path)).rejects.toThrow(
      /"model\.embed_tokens\.weight" is I32, expected F32, F16 or BF16/,
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
