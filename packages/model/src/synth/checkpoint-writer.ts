/** Writes a whole model folder in Hugging Face layout; for checkpoints that Baton makes itself. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findArchitecture } from "../architectures/supported.ts";
import { decoderTensors } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig, RopeScaling } from "../checkpoint/model-config.ts";
import type { TokenizerFiles } from "../model-files.ts";
import { SPECIAL_IDS } from "./byte-tokenizer.ts";
import { encodeSafetensors } from "./safetensors-writer.ts";

/** What a checkpoint is made of. */
export interface CheckpointContent {
  readonly config: ModelConfig;
  readonly tokenizer: TokenizerFiles;
  readonly maxNewTokens: number;
  /** The values of a tensor, row-major; called once for each tensor that the architecture needs, in order. */
  readonly values: (name: string, shape: readonly number[]) => Float32Array;
}

/**
 * Writes the folder's five files, each whole or not at all; files that are right already are left alone, so that
 * processes may do this at once.
 */
export async function writeCheckpoint(folder: string, content: CheckpointContent): Promise<void> {
  const { config, tokenizer, maxNewTokens, values } = content;
  const tensors = decoderTensors(config).map(({ name, shape }) => ({
    name,
    shape,
    values: values(name, shape),
  }));
  await writeModelFiles(folder, { config, tokenizer, maxNewTokens });
  await writeIfDifferent(join(folder, "model.safetensors"), encodeSafetensors(tensors));
}

/** Writes everything but the weights. */
export async function writeModelFiles(
  folder: string,
  content: Omit<CheckpointContent, "values">,
): Promise<void> {
  const { config, tokenizer, maxNewTokens } = content;
  await mkdir(folder, { recursive: true });
  await writeIfDifferent(join(folder, "config.json"), json(configJson(config)));
  await writeIfDifferent(join(folder, "tokenizer.json"), json(tokenizer.tokenizerJson));
  await writeIfDifferent(join(folder, "tokenizer_config.json"), json(tokenizer.tokenizerConfig));
  await writeIfDifferent(join(folder, "generation_config.json"), json(generationJson(config, maxNewTokens)));
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

function configJson(config: ModelConfig): object {
  return {
    architectures: [config.architecture],
    model_type: findArchitecture(config.architecture)?.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    rope_scaling: ropeScalingJson(config.ropeScaling),
    hidden_act: "silu",
    attention_bias: false,
    mlp_bias: false,
    ...(config.slidingWindow === undefined ? {} : { sliding_window: config.slidingWindow }),
    tie_word_embeddings: config.tiedEmbeddings,
    eos_token_id: config.eosTokenIds,
    torch_dtype: "float32",
  };
}

function ropeScalingJson(scaling: RopeScaling | undefined): object | null {
  if (!scaling) return null;
  return {
    rope_type: "llama3",
    factor: scaling.factor,
    low_freq_factor: scaling.lowFreqFactor,
    high_freq_factor: scaling.highFreqFactor,
    original_max_position_embeddings: scaling.originalMaxPositions,
  };
}

function generationJson(config: ModelConfig, maxNewTokens: number): object {
  return {
    eos_token_id: config.eosTokenIds,
    pad_token_id: SPECIAL_IDS.endOfText,
    do_sample: false,
    max_new_tokens: maxNewTokens,
  };
}

async function writeIfDifferent(path: string, bytes: Buffer): Promise<void> {
  const present = await readFile(path).catch(() => undefined);
  if (present?.equals(bytes)) return;
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
