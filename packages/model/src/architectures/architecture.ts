/** What an architecture must say of itself; one file per architecture does. */
import type { z } from "zod";
import type { ModelConfig } from "../checkpoint/model-config.ts";

/** A family of models that differ in size only. */
export interface Architecture {
  /** As in `architectures` of config.json. */
  readonly name: string;
  /** `model_type` of config.json; for checkpoints that Baton writes. */
  readonly modelType: string;
  /** Reads config.json: refuses what the graphs cannot do, and names the features of the model. */
  readonly schema: z.ZodType<ModelConfig>;
}
