/** Writes checkpoints with random weights, however large, for load tests and benchmarks. */
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { decoderTensors, type ExpectedTensor } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { BYTE_VOCAB_SIZE, byteTokenizerFiles } from "./byte-tokenizer.ts";
import { writeModelFiles } from "./checkpoint-writer.ts";
import { randomValues } from "./random-values.ts";
import { safetensorsHeader } from "./safetensors-writer.ts";

/** Values made and written at once: memory does not grow with the model. */
const PIECE = 1024 * 1024;
const MAX_NEW_TOKENS = 256;

/** What a checkpoint depends on, and who wants to hear of the progress. */
export interface SynthOptions {
  readonly config: ModelConfig;
  /** The same seed gives the same bytes. */
  readonly seed: number;
  /** Told of each piece of the weights that was written. */
  readonly onBytes?: (bytes: number) => void;
}

/** Writes a model folder with BF16 weights, streamed to disk. Its tokenizer has a word for every token. */
export async function writeSynthCheckpoint(folder: string, options: SynthOptions): Promise<void> {
  const { config, seed, onBytes } = options;
  const tokenizer = byteTokenizerFiles(words(config.vocabSize - BYTE_VOCAB_SIZE));
  await writeModelFiles(folder, { config, tokenizer, maxNewTokens: MAX_NEW_TOKENS });
  const tensors = decoderTensors(config);
  const next = randomValues(seed);
  await using file = await open(join(folder, "model.safetensors"), "w");
  await file.appendFile(safetensorsHeader(tensors, "BF16"));
  for (const tensor of tensors) await writeTensor(file, tensor, next, onBytes);
}

async function writeTensor(
  file: FileHandle,
  { shape }: ExpectedTensor,
  next: () => number,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  const [center, spread] = distribution(shape);
  for (let done = 0; done < elements; done += PIECE) {
    const bytes = randomBF16(Math.min(PIECE, elements - done), () => center + spread * next());
    await file.appendFile(bytes);
    onBytes?.(bytes.length);
  }
}

/** Matrices keep the size of what they are given; the weights of norms lie around 1. */
function distribution(shape: readonly number[]): readonly [center: number, spread: number] {
  const columns = shape[1];
  return columns === undefined ? [1, 0.2] : [0, Math.sqrt(3 / columns)];
}

/** bfloat16 is the upper half of a float32. */
function randomBF16(count: number, value: () => number): Uint8Array {
  const floats = new Float32Array(1);
  const bits = new Uint32Array(floats.buffer);
  const halves = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    floats[0] = value();
    halves[i] = bits[0]! >>> 16;
  }
  return new Uint8Array(halves.buffer);
}

/** Different texts, about as long as tokens are. */
function words(count: number): readonly Uint8Array[] {
  const consonants = "bcdfghjklmnprstvwz";
  const syllables = [..."aeiou"].flatMap((vowel) => [...consonants].map((consonant) => consonant + vowel));
  return Array.from({ length: count }, (_, index) => {
    let word = " ";
    for (let rest = index; ; rest = Math.floor(rest / syllables.length) - 1) {
      word += syllables[rest % syllables.length];
      if (rest < syllables.length) return Buffer.from(word);
    }
  });
}
