/** Compiles a checkpoint into a folder: graphs and the weights that they share. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorSource } from "../checkpoint/tensor-source.ts";
import { buildDecodeGraph } from "../graph/decode-graph.ts";
import { planDecoderWeights } from "../graph/decoder-weights.ts";
import { roleFormats, type WeightFormat } from "../graph/linear/weight-formats.ts";
import { buildPrefillGraph } from "../graph/prefill-graph.ts";
import type { WeightPlan } from "../graph/weight-plan.ts";
import { HashedFile } from "./hashed-file.ts";

/** Raised whenever the compiler writes other bytes for the same checkpoint: older cache entries are then not used. */
export const COMPILER_VERSION = 5;

/** The files of a compiled model, all in one folder. */
export const COMPILED_FILES = {
  prefillGraph: "prefill.onnx",
  /** By the type of the pages' elements. */
  decodeGraphs: { fp32: "decode.onnx", int8: "decode-int8-pages.onnx" },
  weights: "weights.bin",
} as const;

/** SHA-256 of each file written, lower-case hex. */
export type FileHashes = Readonly<Record<string, string>>;

/** Writes the compiled model into `folder`, which exists. The same checkpoint and format give the same bytes. */
export async function compileModel(
  checkpoint: Checkpoint,
  weightFormat: WeightFormat,
  folder: string,
  onBytes?: (bytes: number) => void,
): Promise<FileHashes> {
  const { config, tensors } = checkpoint;
  const formats = roleFormats(weightFormat);
  const weights = planDecoderWeights(config, formats);
  const shared = { config, weights, weightsFile: COMPILED_FILES.weights };
  const decode = { ...shared, format: formats.decode };
  const graphs = {
    [COMPILED_FILES.prefillGraph]: buildPrefillGraph({ ...shared, format: formats.prefill }),
    [COMPILED_FILES.decodeGraphs.fp32]: buildDecodeGraph(decode, "fp32"),
    [COMPILED_FILES.decodeGraphs.int8]: buildDecodeGraph(decode, "int8"),
  };
  const hashes: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(graphs)) {
    await writeFile(join(folder, name), bytes);
    hashes[name] = createHash("sha256").update(bytes).digest("hex");
  }
  const weightsPath = join(folder, COMPILED_FILES.weights);
  hashes[COMPILED_FILES.weights] = await writeWeights(weights, tensors, weightsPath, onBytes);
  return hashes;
}

/** Writes the weights in the order and at the offsets of the plan; returns the file's SHA-256. */
export async function writeWeights(
  plan: WeightPlan,
  tensors: TensorSource,
  path: string,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  await using file = await HashedFile.create(path, onBytes);
  let current: string | undefined;
  for (const { content } of plan.specs) {
    for await (const { initializer, bytes } of content(tensors)) {
      if (initializer !== current) await file.padTo(plan.places.get(initializer)!.offset);
      current = initializer;
      await file.append(bytes);
    }
  }
  return await file.finish(); // Before the file is closed.
}
