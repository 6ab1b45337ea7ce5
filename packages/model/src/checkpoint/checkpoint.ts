/** A model folder in Hugging Face layout, opened for compiling: its config, its tensors, its hash. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "./json-file.ts";
import { checkLlamaTensors } from "./llama-tensors.ts";
import { type ModelConfig, readModelConfig } from "./model-config.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorSource } from "./tensor-source.ts";

const WEIGHTS_FILE = "model.safetensors";
/** 128 bits: plenty against chance, short enough to read in a log. */
const HASH_HEX_DIGITS = 32;

/** A checkpoint whose tensors are known to be complete. The holder disposes of it, which closes its files. */
export interface Checkpoint extends AsyncDisposable {
  readonly config: ModelConfig;
  readonly tensors: TensorSource;
}

/**
 * Opens a checkpoint and checks that it has every tensor in the right shape and type.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file and what is wrong in it.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const config = await readModelConfig(folder);
  const tensors = await openSafetensors(join(folder, WEIGHTS_FILE));
  try {
    checkLlamaTensors(config, tensors);
  } catch (error) {
    await tensors[Symbol.asyncDispose]();
    throw error;
  }
  return { config, tensors, [Symbol.asyncDispose]: () => tensors[Symbol.asyncDispose]() };
}

/**
 * Hash of everything that decides a model's KV: config.json and the weights, byte for byte. Lower-case hex.
 * `onBytes` is told of each piece read.
 * @throws BatonError `not_found` or `invalid_argument` when a file cannot be read.
 */
export async function hashCheckpoint(folder: string, onBytes?: (bytes: number) => void): Promise<string> {
  const config = join(folder, "config.json");
  const weights = join(folder, WEIGHTS_FILE);
  const hash = createHash("sha256");
  try {
    const configHash = createHash("sha256").update(await readFile(config));
    hash.update(configHash.digest()); // A digest has a fixed length, so the two files cannot run into each other.
  } catch (cause) {
    throw fileError(config, cause);
  }
  try {
    for await (const piece of createReadStream(weights, { highWaterMark: 1024 * 1024 })) {
      hash.update(piece as Buffer);
      onBytes?.((piece as Buffer).length);
    }
  } catch (cause) {
    throw fileError(weights, cause);
  }
  return hash.digest("hex").slice(0, HASH_HEX_DIGITS);
}
