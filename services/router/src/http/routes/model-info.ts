/** `GET /model_info`, as SGLang has it: what is served, and how prompts for it are made. */
import type { GenerationDefaults } from "@baton/model";
import type { Tokenizer } from "@baton/tokenizer";
import type { FastifyInstance } from "fastify";
import type { ModelIdentity } from "../answer-format.ts";

export interface ModelInfoParts {
  readonly model: ModelIdentity;
  readonly tokenizer: Pick<Tokenizer, "vocabSize">;
  /** What the model wants where a request says nothing. */
  readonly defaults: GenerationDefaults;
  /** Longest prompt plus answer that the cluster can serve now, in tokens. */
  readonly contextTokens: () => number;
}

export function addModelInfo(
  app: FastifyInstance,
  { model, tokenizer, defaults, ...parts }: ModelInfoParts,
): void {
  app.get("/model_info", () => ({
    model_path: model.name,
    model_hash: model.hash,
    is_generation: true,
    max_model_len: parts.contextTokens(),
    vocab_size: tokenizer.vocabSize,
    eos_token_ids: defaults.eosTokenIds,
    preferred_sampling_params: {
      temperature: defaults.temperature,
      top_p: defaults.topP,
      top_k: defaults.topK,
      min_p: defaults.minP,
      repetition_penalty: defaults.repetitionPenalty,
      ...(defaults.maxNewTokens !== undefined && { max_new_tokens: defaults.maxNewTokens }),
    },
  }));
}
