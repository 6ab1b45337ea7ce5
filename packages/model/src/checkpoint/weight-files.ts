/**
 * The files that hold a checkpoint's weights: one safetensors file, or several and an index that says what is where, or
 * an ONNX export.
 */
import { basename, join } from "node:path";
import { BatonError } from "@baton/core";
import { z } from "zod";
import { exportFile, exportFiles } from "../onnx-export/export-file.ts";
import { openOnnxWeights } from "../onnx-export/onnx-weights.ts";
import { fileExists, readJsonFile } from "./json-file.ts";
import type { ModelConfig } from "./model-config.ts";
import { openSafetensors } from "./safetensors.ts";
import type { TensorInfo, TensorSource } from "./tensor-source.ts";

const SINGLE_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Paths of all files that decide the weights, in a fixed order. The single file counts where several forms are present,
 * as in Hugging Face; an ONNX export only where there is no other.
 * @throws BatonError `not_found` when there are no weights, `invalid_argument` for a bad index.
 */
export async function weightFiles(folder: string): Promise<readonly string[]> {
  const index = join(folder, INDEX_FILE);
  if (await fileExists(join(folder, SINGLE_FILE))) return [join(folder, SINGLE_FILE)];
  if (await fileExists(index)) return [index, ...(await shardPaths(folder)).values()];
  const exported = await exportFile(folder);
  return exported === undefined ? [join(folder, SINGLE_FILE)] : exportFiles(exported);
}

/** Path of the ONNX export that holds a folder's weights; undefined where safetensors do. */
export async function exportOf(folder: string): Promise<string | undefined> {
  const [first] = await weightFiles(folder);
  return first!.endsWith(".onnx") ? first : undefined;
}

/**
 * Opens the weights of a model with this config. The caller disposes of the source.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file and the tensor at fault.
 */
export async function openWeights(folder: string, config: ModelConfig): Promise<TensorSource> {
  const [first, ...shards] = await weightFiles(folder);
  if (first!.endsWith(".onnx")) return openOnnxWeights(first!, config);
  if (shards.length === 0) return openSafetensors(first!);
  const { weight_map: map } = await readJsonFile(first!, indexSchema);
  await using opened = new AsyncDisposableStack();
  const sources = new Map<string, TensorSource>();
  for (const path of shards) sources.set(basename(path), opened.use(await openSafetensors(path)));
  return new ShardedWeights(first!, new Map(Object.entries(map)), sources, opened.move());
}

/** The path of each shard by its name, sorted by name. */
async function shardPaths(folder: string): Promise<ReadonlyMap<string, string>> {
  const path = join(folder, INDEX_FILE);
  const { weight_map: map } = await readJsonFile(path, indexSchema);
  const names = [...new Set(Object.values(map))].toSorted();
  for (const name of names) {
    // An index is data from elsewhere: it may not name files outside of the model's folder.
    if (basename(name) !== name) {
      throw new BatonError(
        "invalid_argument",
        `Cannot read "${path}": weight_map names the file "${name}", expected a file in the same folder`,
      );
    }
  }
  return new Map(names.map((name) => [name, join(folder, name)]));
}

/** Tensors of several files. A tensor counts only if the index places it in the file that has it. */
class ShardedWeights implements TensorSource {
  readonly path: string;
  readonly #fileOf: ReadonlyMap<string, string>;
  readonly #sources: ReadonlyMap<string, TensorSource>;
  readonly #opened: AsyncDisposableStack;

  constructor(
    path: string,
    fileOf: ReadonlyMap<string, string>,
    sources: ReadonlyMap<string, TensorSource>,
    opened: AsyncDisposableStack,
  ) {
    this.path = path;
    this.#fileOf = fileOf;
    this.#sources = sources;
    this.#opened = opened;
  }

  find(name: string): TensorInfo | undefined {
    return this.#sourceOf(name)?.find(name);
  }

  read(name: string): AsyncIterable<Float32Array> {
    const source = this.#sourceOf(name);
    if (!source)
      throw new BatonError("internal", `Cannot read tensor "${name}" of "${this.path}": not there`);
    return source.read(name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }

  #sourceOf(name: string): TensorSource | undefined {
    return this.#sources.get(this.#fileOf.get(name) ?? "");
  }
}
