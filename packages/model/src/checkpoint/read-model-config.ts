/** Reads config.json by the schema of the architecture that it names; for an ONNX export also genai_config.json. */
import { basename, join } from "node:path";
import { BatonError } from "@baton/core";
import { z } from "zod";
import { findArchitecture, SUPPORTED_ARCHITECTURES } from "../architectures/supported.ts";
import { attentionWindow } from "../onnx-export/check-attention.ts";
import { genaiConfigSchema, genaiModelConfig } from "../onnx-export/genai-config.ts";
import { OnnxGraph } from "../onnx-export/onnx-graph.ts";
import { fileExists, readJsonFile } from "./json-file.ts";
import type { ModelConfig } from "./model-config.ts";
import { exportOf } from "./weight-files.ts";

const GENAI_CONFIG = "genai_config.json";
const architectureSchema = z.looseObject({ architectures: z.array(z.string()).min(1) });

/**
 * Reads `config.json` of a model folder, or, where an ONNX export has none, `genai_config.json` and the graph.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file, the field, the value and what is supported.
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const path = await configFile(folder);
  const exported = await exportOf(folder);
  const config =
    exported === undefined ? await readArchitecture(folder, path) : await readExport(folder, path, exported);
  checkHeads(path, config);
  return config;
}

/** The file that describes the model: `config.json`, or `genai_config.json` where only that is there. */
export async function configFile(folder: string): Promise<string> {
  const [config, genai] = [join(folder, "config.json"), join(folder, GENAI_CONFIG)];
  return !(await fileExists(config)) && (await fileExists(genai)) ? genai : config;
}

/** The graph has the last word on the window: builders leave it out of some models that have one. */
async function readExport(folder: string, path: string, exported: string): Promise<ModelConfig> {
  await using graph = await OnnxGraph.open(exported);
  if (basename(path) === GENAI_CONFIG)
    return genaiModelConfig(await readJsonFile(path, genaiConfigSchema), graph);
  return { ...(await readArchitecture(folder, path)), slidingWindow: attentionWindow(graph) };
}

async function readArchitecture(folder: string, path: string): Promise<ModelConfig> {
  const { architectures } = await readJsonFile(path, architectureSchema);
  const architecture = findArchitecture(architectures[0]!);
  if (!architecture) {
    throw new BatonError(
      "invalid_argument",
      `Cannot use model "${folder}": config.json has the architecture "${architectures[0]}", supported: ${SUPPORTED_ARCHITECTURES.join(", ")}`,
    );
  }
  return readJsonFile(path, architecture.schema);
}

function checkHeads(path: string, { heads, kvHeads, headDim, hiddenSize }: ModelConfig): void {
  if (!Number.isInteger(headDim)) {
    throw shapeError(path, `hidden_size ${hiddenSize} is no multiple of num_attention_heads ${heads}`);
  }
  // Both are what GroupQueryAttention demands.
  if (heads % kvHeads !== 0) {
    throw shapeError(path, `num_attention_heads ${heads} is no multiple of num_key_value_heads ${kvHeads}`);
  }
  if (headDim % 16 !== 0) throw shapeError(path, `head_dim is ${headDim}, expected a multiple of 16`);
}

function shapeError(path: string, problem: string): BatonError {
  return new BatonError("invalid_argument", `Cannot read "${path}": ${problem}`);
}
