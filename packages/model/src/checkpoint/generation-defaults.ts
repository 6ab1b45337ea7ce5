/** What `generation_config.json` says about answers, validated and under our own names. */
import { join } from "node:path";
import { isBatonError } from "@baton/core";
import { z } from "zod";
import { tokenIdList } from "../architectures/common-fields.ts";
import { readJsonFile } from "./json-file.ts";
import type { ModelConfig } from "./model-config.ts";

/** What applies to a request that does not say otherwise. */
export interface GenerationDefaults {
  /** Tokens that end an answer; may be empty. */
  readonly eosTokenIds: readonly number[];
  /** 0 means greedy. */
  readonly temperature: number;
  /** In (0, 1]. */
  readonly topP: number;
  /** 0 keeps all tokens. */
  readonly topK: number;
  /** In [0, 1]; 0 keeps all tokens. */
  readonly minP: number;
  /** 1 changes nothing. */
  readonly repetitionPenalty: number;
  /** Most tokens of an answer, if the model limits them. */
  readonly maxNewTokens: number | undefined;
}

const schema = z.object({
  eos_token_id: tokenIdList,
  do_sample: z.boolean().nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().positive().max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  max_new_tokens: z.int().positive().nullish(),
});

/**
 * Reads `generation_config.json`; base models often have none, then config.json's end tokens and sampling at
 * temperature 1 apply. `do_sample: false` means greedy, whatever temperature stands beside it, as in Hugging Face.
 * @throws BatonError `invalid_argument` naming the field, the value and what is accepted.
 */
export async function readGenerationDefaults(
  folder: string,
  config: ModelConfig,
): Promise<GenerationDefaults> {
  const raw = await readOptional(join(folder, "generation_config.json"));
  const eosTokenIds = raw.eos_token_id?.length ? raw.eos_token_id : config.eosTokenIds;
  return {
    eosTokenIds,
    temperature: raw.do_sample === false ? 0 : (raw.temperature ?? 1),
    topP: raw.top_p ?? 1,
    topK: raw.top_k ?? 0,
    minP: raw.min_p ?? 0,
    repetitionPenalty: raw.repetition_penalty ?? 1,
    maxNewTokens: raw.max_new_tokens ?? undefined,
  };
}

async function readOptional(path: string): Promise<Partial<z.infer<typeof schema>>> {
  try {
    return await readJsonFile(path, schema);
  } catch (error) {
    if (isBatonError(error) && error.code === "not_found") return {};
    throw error;
  }
}
