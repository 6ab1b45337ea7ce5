/** Reads config.json by the schema of the architecture that it names. */
import { join } from "node:path";
import { BatonError } from "@baton/core";
import { z } from "zod";
import { findArchitecture, SUPPORTED_ARCHITECTURES } from "../architectures/supported.ts";
import { readJsonFile } from "./json-file.ts";
import type { ModelConfig } from "./model-config.ts";

const architectureSchema = z.looseObject({ architectures: z.array(z.string()).min(1) });

/**
 * Reads `config.json` of a model folder.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file, the field, the value and what is supported.
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const path = join(folder, "config.json");
  const { architectures } = await readJsonFile(path, architectureSchema);
  const architecture = findArchitecture(architectures[0]!);
  if (!architecture) {
    throw new BatonError(
      "invalid_argument",
      `Cannot use model "${folder}": config.json has the architecture "${architectures[0]}", supported: ${SUPPORTED_ARCHITECTURES.join(", ")}`,
    );
  }
  const config = await readJsonFile(path, architecture.schema);
  checkHeads(path, config);
  return config;
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
