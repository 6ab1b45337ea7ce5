/** A model folder in Hugging Face layout, opened for compiling: its config, its tensors, its hash. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { checkTensors } from "./decoder-tensors.ts";
import { fileError } from "./json-file.ts";
import type { ModelConfig } from "./model-config.ts";
import { configFile, readModelConfig } from "./read-model-config.ts";
import type { TensorSource } from "./tensor-source.ts";
import { openWeights, weightFiles } from "./weight-files.ts";

/** 128 bits: plenty against chance, short enough to read in a log. */
const HASH_HEX_DIGITS = 32;
const READ_BYTES = 1024 * 1024;

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
  const tensors = await openWeights(folder, config);
  try {
    checkTensors(config, tensors);
  } catch (error) {
    await tensors[Symbol.asyncDispose]();
    throw error;
  }
  return { config, tensors, [Symbol.asyncDispose]: () => tensors[Symbol.asyncDispose]() };
}

/**
 * Hash of everything that a checkpoint's KV follows from: its config and the weights' files, byte for byte. Lower-case
 * hex. `onBytes` is told of each piece read.
 * @throws BatonError `not_found` or `invalid_argument` when a file cannot be read.
 */
export async function hashCheckpoint(folder: string, onBytes?: (bytes: number) => void): Promise<string> {
  const hash = createHash("sha256");
  for (const path of [await configFile(folder), ...(await weightFiles(folder))]) {
    hash.update(await hashFile(path, onBytes)); // Digests have a fixed length, so files cannot run into each other.
  }
  return hash.digest("hex").slice(0, HASH_HEX_DIGITS);
}

async function hashFile(path: string, onBytes?: (bytes: number) => void): Promise<Buffer> {
  const hash = createHash("sha256");
  try {
    for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) {
      hash.update(piece as Buffer);
      onBytes?.((piece as Buffer).length);
    }
  } catch (cause) {
    throw fileError(path, cause);
  }
  return hash.digest();
}
