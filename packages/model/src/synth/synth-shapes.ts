/** The shapes of published models, for checkpoints with random weights: as fast as the real ones, and as large. */
import { PLAIN_LLAMA } from "../architectures/llama.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { SPECIAL_IDS } from "./byte-tokenizer.ts";

const eosTokenIds = [SPECIAL_IDS.endOfText, SPECIAL_IDS.imEnd];

/** Configs by the name of the model. */
export const SYNTH_SHAPES = {
  "smollm2-135m": {
    ...PLAIN_LLAMA,
    vocabSize: 49_152,
    hiddenSize: 576,
    intermediateSize: 1536,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    maxPositions: 8192,
    normEpsilon: 1e-5,
    ropeTheta: 100_000,
    tiedEmbeddings: true,
    eosTokenIds,
  },
  "qwen2.5-0.5b": {
    ...PLAIN_LLAMA,
    architecture: "Qwen2ForCausalLM",
    qkvBias: true,
    vocabSize: 151_936,
    hiddenSize: 896,
    intermediateSize: 4864,
    layers: 24,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    maxPositions: 32_768,
    normEpsilon: 1e-6,
    ropeTheta: 1_000_000,
    tiedEmbeddings: true,
    eosTokenIds,
  },
  "tinyllama-1.1b": {
    ...PLAIN_LLAMA,
    vocabSize: 32_000,
    hiddenSize: 2048,
    intermediateSize: 5632,
    layers: 22,
    heads: 32,
    kvHeads: 4,
    headDim: 64,
    maxPositions: 2048,
    normEpsilon: 1e-5,
    ropeTheta: 10_000,
    tiedEmbeddings: false,
    eosTokenIds,
  },
  "llama-3.2-1b": {
    ...PLAIN_LLAMA,
    ropeScaling: { factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
    vocabSize: 128_256,
    hiddenSize: 2048,
    intermediateSize: 8192,
    layers: 16,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    maxPositions: 131_072,
    normEpsilon: 1e-5,
    ropeTheta: 500_000,
    tiedEmbeddings: true,
    eosTokenIds,
  },
} as const satisfies Readonly<Record<string, ModelConfig>>;
