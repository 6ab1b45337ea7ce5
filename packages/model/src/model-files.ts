/** The small files of a model folder: what a router must know of a model without loading its weights. */
import { basename, join, resolve } from "node:path";
import { BatonError } from "@baton/core";
import { z } from "zod";
import { type GenerationDefaults, readGenerationDefaults } from "./checkpoint/generation-defaults.ts";
import { readJsonFile, readOptionalText } from "./checkpoint/json-file.ts";
import type { ModelConfig } from "./checkpoint/model-config.ts";
import { readModelConfig } from "./checkpoint/read-model-config.ts";

/** The two files of a tokenizer, parsed; `loadTokenizer` of the tokenizer package takes them. */
export interface TokenizerFiles {
  /** `tokenizer.json` */
  readonly tokenizerJson: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json` */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
}

/** A model as the router sees it. */
export interface ModelFiles {
  /** What clients call it: the name of the folder. */
  readonly name: string;
  readonly config: ModelConfig;
  readonly generation: GenerationDefaults;
  readonly tokenizer: TokenizerFiles;
}

const TOKENIZER_FILE = "tokenizer.json";
const CHAT_TEMPLATE_FILE = "chat_template.jinja";

const jsonObject = z.record(z.string(), z.unknown());
const tokenizerSchema = z.looseObject({
  model: z.looseObject({
    type: z.literal("BPE", "only BPE tokenizers are supported"),
    vocab: z.record(z.string(), z.int().min(0)),
  }),
  added_tokens: z.array(z.looseObject({ id: z.int().min(0), content: z.string() })).default([]),
});

/** What clients call the model in this folder. */
export function modelName(folder: string): string {
  return basename(resolve(folder));
}

/**
 * Reads everything but the weights. `name` is what clients call the model.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file, the field and what is accepted.
 */
export async function readModelFiles(folder: string, name = modelName(folder)): Promise<ModelFiles> {
  const config = await readModelConfig(folder);
  const generation = await readGenerationDefaults(folder, config);
  const tokenizer = await readTokenizerFiles(folder);
  checkTokenIds(folder, tokenizer, config.vocabSize);
  return { name, config, generation, tokenizer };
}

/**
 * Reads `tokenizer.json`, `tokenizer_config.json` and the chat template: newer models keep it in a file of its own,
 * which counts where there are both, as in Hugging Face.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file, the field and what is accepted.
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const tokenizerJson = await readJsonFile(join(folder, TOKENIZER_FILE), tokenizerSchema);
  const tokenizerConfig = await readJsonFile(join(folder, "tokenizer_config.json"), jsonObject);
  const template = await readOptionalText(join(folder, CHAT_TEMPLATE_FILE));
  if (template === undefined) return { tokenizerJson, tokenizerConfig };
  return { tokenizerJson, tokenizerConfig: { ...tokenizerConfig, chat_template: template } };
}

/** A token id beyond the vocabulary would index past the model's embedding table. */
function checkTokenIds(folder: string, { tokenizerJson }: TokenizerFiles, vocabSize: number): void {
  const { model, added_tokens: added } = tokenizerSchema.parse(tokenizerJson);
  const addedIds = added.map(({ content, id }) => [content, id] as const);
  for (const [token, id] of [...Object.entries(model.vocab), ...addedIds]) {
    if (id >= vocabSize) {
      throw new BatonError(
        "invalid_argument",
        `Cannot use "${join(folder, TOKENIZER_FILE)}": token "${token}" has the id ${id}, expected less than the model's vocab_size ${vocabSize}`,
      );
    }
  }
}
