/** Engines over random weights in the shapes of real models: what is computed does not matter, how long it takes does. */
import { fileURLToPath } from "node:url";
import { NEUTRAL_SAMPLING, type PageDtype, type SamplingParams, sequenceId } from "@baton/core";
import { createEngine, type EngineApi, type EngineRequest, type StepRecord } from "@baton/engine";
import { type CompiledModel, prepareModel, type WeightFormat } from "@baton/model";
import { writeRandomCheckpoint } from "@baton/model/testing";

const CACHE = fileURLToPath(new URL("../../.cache/bench", import.meta.url));
const BLOCK_SIZE = 16;

/** Shapes of real models. */
export const SHAPES = {
  "smollm2-135m": {
    vocabSize: 49_152,
    hiddenSize: 576,
    intermediateSize: 1536,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    maxPositions: 8192,
    tiedEmbeddings: true,
  },
} as const;

export type ShapeName = keyof typeof SHAPES;

/** Writes and compiles a model of a shape, or finds it in the cache. */
export async function syntheticModel(
  shape: ShapeName,
  weights: WeightFormat,
  vocabSize: number = SHAPES[shape].vocabSize,
): Promise<CompiledModel> {
  const folder = `${CACHE}/${shape}-${vocabSize}`;
  await writeRandomCheckpoint(folder, { ...SHAPES[shape], vocabSize }, 1);
  return prepareModel(folder, { cacheFolder: CACHE, weights });
}

export interface EngineSetup {
  readonly model: CompiledModel;
  /** Elements of the KV of running sequences; fp32 unless given. */
  readonly pageDtype?: PageDtype;
  readonly threads?: number;
  readonly maxRunning?: number;
  readonly chunkTokens?: number;
  readonly kvTokens?: number;
  readonly onStep?: (step: StepRecord) => void;
}

/** An engine that prefills and decodes. */
export function startEngine(setup: EngineSetup): Promise<EngineApi> {
  const { model, pageDtype = "fp32", threads = 1, maxRunning = 16 } = setup;
  const { chunkTokens = 256, kvTokens = 20_000, onStep } = setup;
  return createEngine({
    runner: { ...model.runner(BLOCK_SIZE, pageDtype), threads, roles: ["prefill", "decode"] },
    kvBlocks: Math.ceil(kvTokens / BLOCK_SIZE),
    limits: {
      chunkTokens,
      stepPrefillTokens: chunkTokens,
      maxRunning,
      batchTokens: kvTokens,
      maxSequences: 64,
      maxModelTokens: Math.min(model.maxModelTokens, kvTokens - 128),
    },
    onStep,
  });
}

let sequences = 0;

let prompts = 0;

/** Tokens of a prompt that no other begins like. */
export function freshPrompt(tokens: number, vocabSize: number): readonly number[] {
  const number = ++prompts;
  return Array.from({ length: tokens }, (_, position) => (number * 7919 + position * 104_729) % vocabSize);
}

/** A prompt of random tokens, answered to its last token; resolves when it is complete. */
export async function answer(
  engine: EngineApi,
  promptTokens: number,
  sampling: Partial<SamplingParams>,
): Promise<void> {
  await answerArrivals(engine, freshPrompt(promptTokens, engine.info.vocabSize), sampling);
}

/** Answers a prompt; resolves with the ms from now to each token, when the answer is complete. */
export function answerArrivals(
  engine: EngineApi,
  promptTokenIds: readonly number[],
  sampling: Partial<SamplingParams>,
): Promise<readonly number[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly number[]>();
  const startedAt = performance.now();
  const arrivals: number[] = [];
  engine.submit(answerRequest(promptTokenIds, sampling), (event) => {
    if (event.type === "token") arrivals.push(performance.now() - startedAt);
    if (event.type === "finished") resolve(arrivals);
    if (event.type === "failed") reject(event.error);
  });
  return promise;
}

/** A sequence for the engine under an id of its own; greedy unless told otherwise. */
export function answerRequest(
  promptTokenIds: readonly number[],
  sampling: Partial<SamplingParams>,
  goal: EngineRequest["goal"] = "generate",
): EngineRequest {
  return {
    id: sequenceId(`bench-${++sequences}`),
    promptTokenIds,
    sampling: { ...NEUTRAL_SAMPLING, temperature: 0, ...sampling },
    goal,
  };
}
