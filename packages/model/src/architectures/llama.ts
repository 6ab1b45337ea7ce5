import type { ModelConfig } from "../checkpoint/model-config.ts";
import type { Architecture } from "./architecture.ts";
import { commonConfig, commonFields, off } from "./common-fields.ts";

/** What a Llama has of the features in which architectures differ. */
export const PLAIN_LLAMA = {
  architecture: "LlamaForCausalLM",
  ropeScaling: undefined,
  storedRotary: false,
  slidingWindow: undefined,
  qkvBias: false,
  qkNorm: false,
} as const satisfies Partial<ModelConfig>;

/** Llama 2 and 3, SmolLM2, TinyLlama: the plain form that the others are measured against. */
export const llama: Architecture = {
  name: PLAIN_LLAMA.architecture,
  modelType: "llama",
  schema: commonFields
    .extend({ attention_bias: off("biases are"), mlp_bias: off("biases are") })
    .transform(commonConfig),
};
