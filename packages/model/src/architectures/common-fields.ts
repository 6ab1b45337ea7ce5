/** The fields of config.json that all architectures share, and what they mean. */
import { z } from "zod";
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { readRope, ropeFields } from "./rope-fields.ts";

/** One token id, several, or none: as `eos_token_id` is written in Hugging Face files. */
export const tokenIdList = z
  .union([z.int().min(0), z.array(z.int().min(0))])
  .nullish()
  .transform((ids): readonly number[] => (ids == null ? [] : Array.isArray(ids) ? ids : [ids]));

/** A count or a width. */
export const size = z.int().positive();

/** A switch that must be off. */
export const off = (what: string) => z.literal(false, `${what} not supported`).nullish();

/** What every config.json says; an architecture extends it with its own fields. */
export const commonFields = z.object({
  architectures: z.array(z.string()).min(1),
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  max_position_embeddings: size,
  rms_norm_eps: z.number().positive().default(1e-6),
  ...ropeFields,
  hidden_act: z.literal("silu", 'only "silu" is supported').default("silu"),
  quantization_config: z.null("quantized checkpoints are not supported").optional(),
  tie_word_embeddings: z.boolean().default(false),
  eos_token_id: tokenIdList,
});

/** The config of a model that has none of the features in which architectures differ. */
export function commonConfig(raw: z.infer<typeof commonFields>): ModelConfig {
  const heads = raw.num_attention_heads;
  return {
    architecture: raw.architectures[0]!,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    kvHeads: raw.num_key_value_heads ?? heads,
    headDim: raw.head_dim ?? raw.hidden_size / heads,
    maxPositions: raw.max_position_embeddings,
    normEpsilon: raw.rms_norm_eps,
    tiedEmbeddings: raw.tie_word_embeddings,
    eosTokenIds: raw.eos_token_id,
    ...readRope(raw),
    storedRotary: false,
    slidingWindow: undefined,
    qkvBias: false,
    qkNorm: false,
  };
}
