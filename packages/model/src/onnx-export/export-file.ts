/** Which file of a model folder is the ONNX export, and what belongs to it. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileError, fileExists } from "../checkpoint/json-file.ts";

/**
 * Where exports are, the most exact first: the builder of onnxruntime-genai writes the first, repositories for
 * transformers.js have the others, several of them at once.
 */
export const EXPORT_FILES = [
  "model.onnx",
  "onnx/model.onnx",
  "onnx/model_fp16.onnx",
  "onnx/model_q4.onnx",
  "onnx/model_q4f16.onnx",
] as const;

/** Path of the export in a model folder, if there is one. */
export async function exportFile(folder: string): Promise<string | undefined> {
  for (const file of EXPORT_FILES) {
    if (await fileExists(join(folder, file))) return join(folder, file);
  }
  return undefined;
}

/** The export and the files beside it that begin with its name, or with that of the unquantized export: its data. */
export async function exportFiles(path: string): Promise<readonly string[]> {
  const folder = dirname(path);
  const names = await readdir(folder).catch((cause: unknown) => {
    throw fileError(folder, cause);
  });
  const data = names.filter((name) => isDataOf(basename(path), name)).toSorted();
  return [path, ...data.map((name) => join(folder, name))];
}

/** Does a file of this name hold data of the export called `exported`? (`model.onnx_data`, `model.onnx.data`, …) */
export function isDataOf(exported: string, name: string): boolean {
  return [exported, "model.onnx"].some(
    (prefix) => name.startsWith(prefix) && /^[._]data(_\d+)?$/.test(name.slice(prefix.length)),
  );
}
