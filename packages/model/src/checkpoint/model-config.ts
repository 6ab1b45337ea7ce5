/** What `config.json` says about a model, validated and under our own names. */
import { join } from "node:path";
import { BatonError } from "@baton/core";
import { z } from "zod";
import { readJsonFile } from "./json-file.ts";

/** Architectures (the first entry of `architectures` in config.json) that the compiler can build graphs for. */
export const SUPPORTED_ARCHITECTURES = ["LlamaForCausalLM"] as const;

/** Shape and constants of a decoder-only transformer. */
export interface ModelConfig {
  readonly architecture: (typeof SUPPORTED_ARCHITECTURES)[number];
  /** Rows of the embedding table and of the logits; may exceed what the tokenizer uses. */
  readonly vocabSize: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width inside the MLP. */
  readonly intermediateSize: number;
  readonly layers: number;
  /** Query heads; a multiple of `kvHeads`. */
  readonly heads: number;
  readonly kvHeads: number;
  /** Elements per head; a multiple of 16. */
  readonly headDim: number;
  /** Longest prompt plus answer, in tokens. */
  readonly maxPositions: number;
  /** Added to the mean square inside RMS normalisation. */
  readonly normEpsilon: number;
  /** Base of the rotary embedding's frequencies. */
  readonly ropeTheta: number;
  /** True when the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Tokens that end an answer, unless generation_config.json says otherwise. */
  readonly eosTokenIds: readonly number[];
}

/** One token id, several, or none: as `eos_token_id` is written in Hugging Face files. */
export const tokenIdList = z
  .union([z.int().min(0), z.array(z.int().min(0))])
  .nullish()
  .transform((ids): readonly number[] => (ids == null ? [] : Array.isArray(ids) ? ids : [ids]));

const architectureSchema = z.looseObject({ architectures: z.array(z.string()).min(1) });

const size = z.int().positive();
const off = z.literal(false, "biases are not supported").nullish();

const llamaSchema = z
  .object({
    vocab_size: size,
    hidden_size: size,
    intermediate_size: size,
    num_hidden_layers: size,
    num_attention_heads: size,
    num_key_value_heads: size.nullish(),
    head_dim: size.nullish(),
    max_position_embeddings: size,
    rms_norm_eps: z.number().positive().default(1e-6),
    rope_theta: z.number().positive().nullish(),
    rope_parameters: z
      .object({
        rope_theta: z.number().positive().nullish(),
        rope_type: z.literal("default", 'only "default" is supported').nullish(),
      })
      .nullish(),
    rope_scaling: z.null("scaled rotary embeddings are not supported, only null is").optional(),
    hidden_act: z.literal("silu", 'only "silu" is supported').default("silu"),
    attention_bias: off,
    mlp_bias: off,
    quantization_config: z.null("quantized checkpoints are not supported").optional(),
    tie_word_embeddings: z.boolean().default(false),
    eos_token_id: tokenIdList,
  })
  .transform((raw): ModelConfig => {
    const heads = raw.num_attention_heads;
    return {
      architecture: "LlamaForCausalLM",
      vocabSize: raw.vocab_size,
      hiddenSize: raw.hidden_size,
      intermediateSize: raw.intermediate_size,
      layers: raw.num_hidden_layers,
      heads,
      kvHeads: raw.num_key_value_heads ?? heads,
      headDim: raw.head_dim ?? raw.hidden_size / heads,
      maxPositions: raw.max_position_embeddings,
      normEpsilon: raw.rms_norm_eps,
      ropeTheta: raw.rope_parameters?.rope_theta ?? raw.rope_theta ?? 10_000,
      tiedEmbeddings: raw.tie_word_embeddings,
      eosTokenIds: raw.eos_token_id,
    };
  });

/**
 * Reads `config.json` of a model folder.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file, the field, the value and what is supported.
 */
export async function readModelConfig(folder: string): Promise<ModelConfig> {
  const path = join(folder, "config.json");
  const { architectures } = await readJsonFile(path, architectureSchema);
  if (!SUPPORTED_ARCHITECTURES.some((name) => name === architectures[0])) {
    throw new BatonError(
      "invalid_argument",
      `Cannot use model "${folder}": config.json has the architecture "${architectures[0]}", supported: ${SUPPORTED_ARCHITECTURES.join(", ")}`,
    );
  }
  const config = await readJsonFile(path, llamaSchema);
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
