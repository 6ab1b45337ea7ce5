import type { Architecture } from "./architecture.ts";
import { commonConfig, commonFields, size } from "./common-fields.ts";

/** What Mistral means when config.json leaves `sliding_window` out; `null` means no window. */
const DEFAULT_WINDOW = 4096;

/** Mistral: Llama in which a token sees a window of the tokens before it, in every layer. */
export const mistral: Architecture = {
  name: "MistralForCausalLM",
  modelType: "mistral",
  schema: commonFields
    .extend({ sliding_window: size.nullable().default(DEFAULT_WINDOW) })
    .transform((raw) => ({ ...commonConfig(raw), slidingWindow: raw.sliding_window ?? undefined })),
};
