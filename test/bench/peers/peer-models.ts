/** The models that peers read, converted from the checkpoint that Baton compiles: the same weights, in their formats. */
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import type { SYNTH_SHAPES } from "@baton/model";
import { writeDecoderExport } from "@baton/model/testing";
import { BENCH_CACHE, synthModelFolder } from "../synth-model.ts";
import { type GgufFormat, writeGguf } from "./gguf-file.ts";

type Shape = keyof typeof SYNTH_SHAPES;

const FOLDER = `${BENCH_CACHE}/peers`;

/** Path of the GGUF file; written when it is missing. */
export async function ggufModel(shape: Shape, format: GgufFormat): Promise<string> {
  const checkpoint = await synthModelFolder(shape);
  return made(`${FOLDER}/${shape}-${format}.gguf`, (path) => writeGguf(checkpoint, path, format));
}

/** Folder of the ONNX export with 4-bit weights; written when it is missing. */
export async function exportedModel(shape: Shape): Promise<string> {
  const checkpoint = await synthModelFolder(shape);
  return made(`${FOLDER}/${shape}-onnx`, (path) => writeDecoderExport(checkpoint, path));
}

/** A file or folder appears under its name only when it is complete. */
async function made(path: string, make: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  await mkdir(FOLDER, { recursive: true });
  const unfinished = `${path}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await make(unfinished);
  await rename(unfinished, path);
  return path;
}
