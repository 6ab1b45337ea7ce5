import type { Architecture } from "./architecture.ts";
import { commonConfig, commonFields, off } from "./common-fields.ts";

/** Qwen2 and Qwen2.5: Llama with biases on queries, keys and values, which its config does not mention. */
export const qwen2: Architecture = {
  name: "Qwen2ForCausalLM",
  modelType: "qwen2",
  schema: commonFields
    .extend({ use_sliding_window: off("windows in some of the layers are") })
    .transform((raw) => ({ ...commonConfig(raw), qkvBias: true })),
};
