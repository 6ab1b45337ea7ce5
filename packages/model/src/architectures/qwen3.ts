import type { Architecture } from "./architecture.ts";
import { commonConfig, commonFields, off } from "./common-fields.ts";

/** What Qwen3 means when config.json leaves `head_dim` out. */
const DEFAULT_HEAD_DIM = 128;

/** Qwen3: Llama with normalised queries and keys, and heads whose width is independent of the model's. */
export const qwen3: Architecture = {
  name: "Qwen3ForCausalLM",
  modelType: "qwen3",
  schema: commonFields
    .extend({
      attention_bias: off("biases are"),
      use_sliding_window: off("windows in some of the layers are"),
    })
    .transform((raw) => ({
      ...commonConfig(raw),
      headDim: raw.head_dim ?? DEFAULT_HEAD_DIM,
      qkNorm: true,
    })),
};
