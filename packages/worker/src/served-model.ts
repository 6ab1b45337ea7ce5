/** Starts the engine that the settings name, over the model that they name. */
import type { KvLayout, WorkerRole } from "@baton/core";
import { createEngine, type EngineApi, type EngineOptions, mockLayout, PAGE_TOKENS } from "@baton/engine";
import { hashModel, prepareModel, type ResolvedModel, readModelFiles, resolveModel } from "@baton/model";
import { grammarVocabulary } from "./grammar-vocabulary.ts";
import { kvBudget } from "./kv-budget.ts";
import type { WorkerConfig } from "./worker-config.ts";

/** An engine, and what others must know of it. */
export interface ServedModel {
  /** What clients call it. */
  readonly name: string;
  readonly layout: KvLayout;
  readonly kvBlocks: number;
  /** Longest prompt plus answer that the model can do. */
  readonly fullTokens: number;
  /** Longest prompt plus answer, in tokens, that there is memory for. */
  readonly maxModelTokens: number;
  readonly engine: EngineApi;
}

/** The memory of an engine. */
interface EngineMemory {
  readonly kvBlocks: number;
  readonly batchTokens: number;
  readonly maxModelTokens: number;
}

type OnStep = NonNullable<EngineOptions["onStep"]>;

/** @throws BatonError when the model cannot be found, read, compiled or loaded. */
export async function serveModel(
  role: WorkerRole,
  config: WorkerConfig,
  onStep: OnStep,
): Promise<ServedModel> {
  const model = await resolveModel(config);
  return config.engine === "mock"
    ? mockModel(model, role, config, onStep)
    : onnxModel(model, role, config, onStep);
}

async function onnxModel(
  { folder, name }: ResolvedModel,
  role: WorkerRole,
  config: WorkerConfig,
  onStep: OnStep,
): Promise<ServedModel> {
  const { cacheFolder, weights, kvDtype = "fp32", threads } = config;
  const model = await prepareModel(folder, { cacheFolder, name, weights });
  const layout = model.layout(config.blockSize);
  const { kvBlocks, batchTokens, maxTokens } = kvBudget(config.kvMemory, layout, role, kvDtype);
  const maxModelTokens = Math.min(model.maxModelTokens, maxTokens);
  const engine = await createEngine({
    runner: {
      ...model.runner(config.blockSize, kvDtype),
      threads,
      roles: role === "aggregated" ? ["prefill", "decode"] : [role],
    },
    ...engineMemory(config, { kvBlocks, batchTokens, maxModelTokens }),
    vocabulary: await grammarVocabulary(folder, model.vocabSize),
    onStep,
  });
  return { name: model.name, layout, kvBlocks, fullTokens: model.maxModelTokens, maxModelTokens, engine };
}

/** Reads of the model only what a client must be able to rely on: its name, its hash, its vocabulary. */
async function mockModel(
  { folder, name }: ResolvedModel,
  role: WorkerRole,
  config: WorkerConfig,
  onStep: OnStep,
): Promise<ServedModel> {
  const { config: shape, generation } = await readModelFiles(folder, name);
  const layout = mockLayout(await hashModel(folder, config.weights), config.blockSize);
  const { mockContextTokens, mockKvBlocks: kvBlocks } = config;
  const kvTokens = kvBlocks * config.blockSize;
  const batchTokens = role === "prefill" ? PAGE_TOKENS : Math.max(PAGE_TOKENS, kvTokens);
  const maxModelTokens = Math.min(mockContextTokens, kvTokens);
  const engine = await createEngine({
    runner: {
      kind: "mock",
      info: { layout, vocabSize: shape.vocabSize, maxModelTokens: mockContextTokens },
      stopTokenIds: generation.eosTokenIds,
      seed: config.mockSeed,
      speedup: config.mockSpeedup,
    },
    ...engineMemory(config, { kvBlocks, batchTokens, maxModelTokens }),
    onStep,
  });
  return { name, layout, kvBlocks, fullTokens: mockContextTokens, maxModelTokens, engine };
}

function engineMemory(
  { chunkTokens, maxRunning, maxSequences }: WorkerConfig,
  { kvBlocks, batchTokens, maxModelTokens }: EngineMemory,
): Pick<EngineOptions, "kvBlocks" | "limits"> {
  return {
    kvBlocks,
    limits: {
      chunkTokens,
      stepPrefillTokens: chunkTokens,
      maxRunning,
      batchTokens,
      maxSequences,
      maxModelTokens,
    },
  };
}
