/** A small random model of any shape, for tests that need attention to matter. */
import { PLAIN_LLAMA } from "../architectures/llama.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { BYTE_VOCAB_SIZE, byteTokenizerFiles, SPECIAL_IDS } from "../synth/byte-tokenizer.ts";
import { writeCheckpoint } from "../synth/checkpoint-writer.ts";
import { randomDecoderValues } from "./random-decoder.ts";

/** Any part of a config; what is not given is tiny. `vocabSize` is at least 259, what the byte tokenizer uses. */
export type RandomShape = Partial<ModelConfig>;

/** Writes a model of this shape into `folder`. The same shape and seed give the same bytes; returns the config. */
export async function writeRandomCheckpoint(
  folder: string,
  shape: RandomShape,
  seed: number,
): Promise<ModelConfig> {
  const config: ModelConfig = {
    ...PLAIN_LLAMA,
    vocabSize: BYTE_VOCAB_SIZE,
    hiddenSize: 32,
    intermediateSize: 48,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    headDim: 16,
    maxPositions: 512,
    normEpsilon: 1e-5,
    ropeTheta: 10_000,
    tiedEmbeddings: false,
    eosTokenIds: [SPECIAL_IDS.endOfText],
    ...shape,
  };
  const values = randomDecoderValues(seed);
  await writeCheckpoint(folder, { config, tokenizer: byteTokenizerFiles(), maxNewTokens: 64, values });
  return config;
}
