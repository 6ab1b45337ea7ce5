/** Compiles a checkpoint into a folder: two graphs and the weights that they share. */
import { createHash } from "node:crypto";
import { type FileHandle, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorSource } from "../checkpoint/tensor-source.ts";
import { buildDecodeGraph } from "../graph/decode-graph.ts";
import { planLlamaWeights } from "../graph/llama-weights.ts";
import { buildPrefillGraph } from "../graph/prefill-graph.ts";
import type { PlannedWeight, WeightPlan } from "../graph/weight-plan.ts";

/** Raised whenever the compiler writes other bytes for the same checkpoint: older cache entries are then not used. */
export const COMPILER_VERSION = 1;

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
  const plan = planLlamaWeights(config);
  const graphs = {
    [COMPILED_FILES.prefillGraph]: buildPrefillGraph(config, plan, COMPILED_FILES.weights),
    [COMPILED_FILES.decodeGraph]: buildDecodeGraph(config, plan, COMPILED_FILES.weights),
  };
  const hashes: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(graphs)) {
    await writeFile(join(folder, name), bytes);
    hashes[name] = createHash("sha256").update(bytes).digest("hex");
  }
  const weightsPath = join(folder, COMPILED_FILES.weights);
  hashes[COMPILED_FILES.weights] = await writeWeights(plan, tensors, weightsPath, onBytes);
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
  for (const weight of plan.values()) {
    await append(file, Buffer.alloc(weight.offset - position));
    position = weight.offset + weight.bytes;
    for await (const piece of contentOf(weight, tensors)) await append(file, piece);
  }
  return hash.digest("hex");

  async function append(target: FileHandle, bytes: Uint8Array): Promise<void> {
    await target.appendFile(bytes);
    hash.update(bytes);
    onBytes?.(bytes.length);
  }
}

async function* contentOf({ content }: PlannedWeight, tensors: TensorSource): AsyncGenerator<Uint8Array> {
  if (content.kind === "values") {
    const values = content.values();
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return;
  }
  for (const name of content.names) yield* tensors.read(name);
}
