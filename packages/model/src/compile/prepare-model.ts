/** From a checkpoint folder to a compiled model that an engine can load, through the compile cache. */
import { join } from "node:path";
import { BatonError, type KvLayout, type PageDtype } from "@baton/core";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { WeightFormat } from "../graph/linear/weight-formats.ts";
import { modelName } from "../model-files.ts";
import { cachedFolder } from "./compile-cache.ts";
import { COMPILED_FILES, COMPILER_VERSION, compileModel } from "./compile-model.ts";
import { hashModel } from "./hash-model.ts";

/** What an engine must know to run a compiled model, as plain data. */
interface CompiledRunner {
  readonly kind: "onnx";
  readonly info: { readonly layout: KvLayout; readonly vocabSize: number; readonly maxModelTokens: number };
  readonly prefillGraph: string;
  readonly decodeGraph: string;
  readonly pageDtype: PageDtype;
  /** Tokens that a token attends to, itself included; all before it where absent. */
  readonly slidingWindow?: number | undefined;
}

/** A model ready to be loaded. */
export interface CompiledModel {
  /** What clients call it. */
  readonly name: string;
  /** Inside `cacheFolder`: holds the graphs and their weights. */
  readonly folder: string;
  /** Path of `prefill.onnx`; its inputs and outputs are described in graph/prefill-graph.ts. */
  readonly prefillGraph: string;
  /** Paths of the decode graphs, by the type of pages that they read; described in graph/decode-graph.ts. */
  readonly decodeGraphs: Readonly<Record<PageDtype, string>>;
  readonly config: ModelConfig;
  /** Length of a row of logits. */
  readonly vocabSize: number;
  /** Longest prompt plus answer, in tokens. */
  readonly maxModelTokens: number;
  /** See `hashModel`: equal hashes give equal KV for equal tokens. */
  readonly modelHash: string;
  /** The layout of this model's KV in blocks of `blockSize` tokens. */
  layout(blockSize: number): KvLayout;
  /** How it is run with KV in blocks of `blockSize` tokens, and in pages of this type. */
  runner(blockSize: number, pageDtype: PageDtype): CompiledRunner;
}

/** What preparing does: `hash` reads the checkpoint, `compile` writes the compiled files (absent when cached). */
export interface PrepareProgress {
  readonly step: "hash" | "compile";
  /** Bytes read or written so far in this step. */
  readonly bytes: number;
}

/** Where compiled models are kept, and who wants to hear of the progress. */
export interface PrepareOptions {
  readonly cacheFolder: string;
  /** What clients call the model; the name of its folder unless given. */
  readonly name?: string;
  /** How weights are stored and multiplied; `fp32` unless given. */
  readonly weights?: WeightFormat | undefined;
  readonly onProgress?: (progress: PrepareProgress) => void;
}

/**
 * Compiles a checkpoint unless the cache has it. Safe when several processes prepare the same model at once.
 * @throws BatonError `not_found` or `invalid_argument` for a checkpoint that is missing, incomplete or unsupported;
 *   `internal` when the cache folder cannot be written.
 */
export async function prepareModel(folder: string, options: PrepareOptions): Promise<CompiledModel> {
  const { cacheFolder, name = modelName(folder), weights = "fp32", onProgress } = options;
  await using checkpoint = await openCheckpoint(folder);
  const modelHash = await hashModel(folder, weights, counter("hash", onProgress));
  const key = `${modelHash}-v${COMPILER_VERSION}`;
  const compiledModels = join(cacheFolder, "compiled");
  const compiled = await orCacheError(compiledModels, () =>
    cachedFolder(compiledModels, key, (target) =>
      compileModel(checkpoint, weights, target, counter("compile", onProgress)),
    ),
  );
  return describe(name, compiled, checkpoint.config, modelHash);
}

function describe(name: string, folder: string, config: ModelConfig, modelHash: string): CompiledModel {
  const { vocabSize, maxPositions: maxModelTokens, layers, kvHeads, headDim, slidingWindow } = config;
  const prefillGraph = join(folder, COMPILED_FILES.prefillGraph);
  const decodeGraphs = {
    fp32: join(folder, COMPILED_FILES.decodeGraphs.fp32),
    int8: join(folder, COMPILED_FILES.decodeGraphs.int8),
  };
  const layout = (blockSize: number) =>
    ({ layers, kvHeads, headDim, dtype: "float32", blockSize, modelHash }) as const;
  return {
    ...{ name, folder, prefillGraph, decodeGraphs, config, vocabSize, maxModelTokens, modelHash, layout },
    runner: (blockSize, pageDtype) => ({
      kind: "onnx",
      info: { layout: layout(blockSize), vocabSize, maxModelTokens },
      prefillGraph,
      decodeGraph: decodeGraphs[pageDtype],
      pageDtype,
      slidingWindow,
    }),
  };
}

function counter(step: PrepareProgress["step"], onProgress: PrepareOptions["onProgress"]) {
  let bytes = 0;
  return (more: number) => {
    bytes += more;
    onProgress?.({ step, bytes });
  };
}

async function orCacheError<T>(cacheFolder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof BatonError) throw cause;
    const reason = (cause as Error).message;
    throw new BatonError("internal", `Cannot compile into "${cacheFolder}": ${reason}`, { cause });
  }
}
