/** Compiles a checkpoint into a folder: two graphs and the weights that they share. */
import { createHash } from "node:crypto";
import { type FileHandle, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorSource } from "../checkpoint/tensor-source.ts";
import { buildDecodeGraph } from "../graph/decode-graph.ts";
import { planDecoderWeights } from "../graph/decoder-weights.ts";
import { fp32Linear } from "../graph/linear/fp32-linear.ts";
import { buildPrefillGraph } from "../graph/prefill-graph.ts";
import type { WeightPlan } from "../graph/weight-plan.ts";

/** Raised whenever the compiler writes other bytes for the same checkpoint: older cache entries are then not used. */
export const COMPILER_VERSION = 2;

/** The files of a compiled model, all in one folder. */
export const COMPILED_FILES = {
  prefillGraph: "prefill.onnx",
  decodeGraph: "decode.onnx",
  weights: "weights.bin",
} as const;

/** SHA-256 of each file written, lower-case hex. */
export type FileHashes = Readonly<Record<string, string>>;

/** Writes the compiled model into `folder`, which exists. The same checkpoint gives the same bytes. */
export async function compileModel(
  checkpoint: Checkpoint,
  folder: string,
  onBytes?: (bytes: number) => void,
): Promise<FileHashes> {
  const { config, tensors } = checkpoint;
  const format = fp32Linear;
  const weights = planDecoderWeights(config, format);
  const spec = { config, format, weights, weightsFile: COMPILED_FILES.weights };
  const graphs = {
    [COMPILED_FILES.prefillGraph]: buildPrefillGraph(spec),
    [COMPILED_FILES.decodeGraph]: buildDecodeGraph(spec),
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
async function writeWeights(
  plan: WeightPlan,
  tensors: TensorSource,
  path: string,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  const hash = createHash("sha256");
  let position = 0;
  await using file = await open(path, "w");
  for (const { content } of plan.specs) {
    let current: string | undefined;
    for await (const { initializer, bytes } of content(tensors)) {
      if (initializer !== current) {
        await append(file, Buffer.alloc(plan.places.get(initializer)!.offset - position));
        current = initializer;
      }
      await append(file, bytes);
    }
  }
  return hash.digest("hex");

  async function append(target: FileHandle, bytes: Uint8Array): Promise<void> {
    await target.appendFile(bytes);
    hash.update(bytes);
    position += bytes.length;
    onBytes?.(bytes.length);
  }
}
