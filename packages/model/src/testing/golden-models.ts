/** Tiny checkpoints made by the reference implementation, and what it computes with them (see reference/README.md). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What is to be reproduced. */
export interface Golden {
  readonly prompt: readonly number[];
  /** Token ids whose logits are recorded. */
  readonly recordedIds: readonly number[];
  /** For each position of the prompt the recorded logits, rounded to 4 decimals. */
  readonly logits: readonly (readonly number[])[];
  /** Greedy answers to the first `promptTokens` tokens of the prompt. */
  readonly greedy: readonly { readonly promptTokens: number; readonly tokens: readonly number[] }[];
}

/** A checkpoint and its golden. */
export interface GoldenModel {
  readonly name: string;
  readonly folder: string;
  readonly golden: Golden;
}

const FOLDER = fileURLToPath(new URL("../../reference", import.meta.url));

/** One per architecture; together they have every float type, sharded files and tied embeddings. */
export const GOLDEN_MODELS: readonly GoldenModel[] = [
  "llama",
  "llama3-scaled-tied-bf16",
  "mistral-window-sharded",
  "qwen2-tied",
  "qwen3-bf16",
].map((name) => goldenModel("goldens", name));

/** ONNX exports of them: with and without config.json, in every type of weights, with projections packed and apart. */
export const GOLDEN_EXPORTS: readonly GoldenModel[] = [
  "llama3-scaled-int4-genai",
  "mistral-q4-community",
  "qwen2-fp16-community",
  "qwen3-int4-zeros-genai",
].map((name) => goldenModel("exports", name));

function goldenModel(kind: string, name: string): GoldenModel {
  const folder = join(FOLDER, kind, name);
  return { name, folder, golden: JSON.parse(readFileSync(join(folder, "golden.json"), "utf8")) as Golden };
}
