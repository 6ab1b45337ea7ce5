/** The built-in model: a few megabytes of seeded random weights, so that Baton runs without a download. */
import { join } from "node:path";
import { BatonError } from "@baton/core";
import { PLAIN_LLAMA } from "../architectures/llama.ts";
import { TENSOR_NAMES } from "../checkpoint/decoder-tensors.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { BYTE_VOCAB_SIZE, byteTokenizerFiles, SPECIAL_IDS } from "../synth/byte-tokenizer.ts";
import { type CheckpointContent, writeCheckpoint } from "../synth/checkpoint-writer.ts";
import { randomDecoderValues } from "./random-decoder.ts";

/** Name of the built-in model, and of its folder. */
export const DEMO_MODEL_NAME = "baton-demo";

const SEED = 20_261_120;
const MAX_NEW_TOKENS = 128;
/** What the demo writes: random bytes would be mostly invalid UTF-8. It never ends an answer by itself. */
const ALPHABET = " abcdefghijklmnopqrstuvwxyz";
/** Logits are this many times larger than a trained model's scale, so that sampling keeps to the alphabet, too. */
const OUTPUT_GAIN = 6;
const SPACE = 0x20;
/** The space wins more often than a letter, or there would be no words. */
const SPACE_GAIN = 1.6;
const CONFIG: ModelConfig = {
  ...PLAIN_LLAMA,
  vocabSize: BYTE_VOCAB_SIZE,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  maxPositions: 8192,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbeddings: false,
  eosTokenIds: [SPECIAL_IDS.endOfText, SPECIAL_IDS.imEnd],
};

/**
 * Makes sure that the demo model's folder is in `cacheFolder` and as it should be; returns the folder. The files are
 * the same, byte for byte, on every machine.
 * @throws BatonError `internal` when the folder cannot be written.
 */
export async function ensureDemoCheckpoint(cacheFolder: string): Promise<string> {
  const folder = join(cacheFolder, DEMO_MODEL_NAME);
  const content = {
    config: CONFIG,
    tokenizer: byteTokenizerFiles(),
    maxNewTokens: MAX_NEW_TOKENS,
    values: demoValues(),
  };
  try {
    await writeCheckpoint(folder, content);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new BatonError("internal", `Cannot write the demo model "${folder}": ${reason}`, { cause });
  }
  return folder;
}

/** Random weights, but an output projection that knows the alphabet alone. */
function demoValues(): CheckpointContent["values"] {
  const random = randomDecoderValues(SEED);
  return (name, shape) => {
    const values = random(name, shape);
    if (name !== TENSOR_NAMES.output) return values;
    const gains = outputGains();
    return values.map((value, index) => value * gains[Math.floor(index / CONFIG.hiddenSize)]!);
  };
}

/** A factor for each row of the output projection; a row of zeros is a logit of 0, which never wins. */
function outputGains(): readonly number[] {
  return Array.from({ length: BYTE_VOCAB_SIZE }, (_, token) => {
    if (!ALPHABET.includes(String.fromCharCode(token))) return 0;
    return token === SPACE ? OUTPUT_GAIN * SPACE_GAIN : OUTPUT_GAIN;
  });
}
