/** The rotary embedding in config.json: `rope_parameters` in newer files, `rope_theta` and `rope_scaling` in older. */
import { z } from "zod";
import type { ModelConfig, RopeScaling } from "../checkpoint/model-config.ts";

const DEFAULT_THETA = 10_000;

const positive = z.number().positive();
const kind = z.enum(["default", "llama3"], 'only "default" and "llama3" are supported').nullish();

const rope = z
  .object({
    rope_type: kind,
    /** What `rope_type` was called before. */
    type: kind,
    rope_theta: positive.nullish(),
    partial_rotary_factor: z.literal(1, "only 1 is supported").nullish(),
    factor: positive.optional(),
    low_freq_factor: positive.optional(),
    high_freq_factor: positive.optional(),
    original_max_position_embeddings: positive.optional(),
  })
  .nullish();

/** To be spread into a schema of config.json. */
export const ropeFields = {
  rope_theta: positive.nullish(),
  rope_scaling: rope.superRefine(checkScaling),
  rope_parameters: rope.superRefine(checkScaling),
  partial_rotary_factor: z.literal(1, "only 1 is supported").nullish(),
} as const;

type Rope = z.infer<typeof rope>;

/** What the fields say. */
export function readRope(raw: {
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: Rope;
  readonly rope_parameters?: Rope;
}): Pick<ModelConfig, "ropeTheta" | "ropeScaling"> {
  const parameters = raw.rope_parameters ?? raw.rope_scaling;
  return {
    ropeTheta: raw.rope_parameters?.rope_theta ?? raw.rope_theta ?? DEFAULT_THETA,
    ropeScaling: parameters ? scalingOf(parameters) : undefined,
  };
}

const SCALING_FIELDS = [
  "factor",
  "low_freq_factor",
  "high_freq_factor",
  "original_max_position_embeddings",
] as const;

function isLlama3(parameters: NonNullable<Rope>): boolean {
  return (parameters.rope_type ?? parameters.type) === "llama3";
}

function checkScaling(parameters: Rope, context: z.RefinementCtx): void {
  if (!parameters || !isLlama3(parameters)) return;
  for (const field of SCALING_FIELDS) {
    if (parameters[field] !== undefined) continue;
    context.addIssue({ code: "custom", path: [field], message: "llama3 scaling needs a positive number" });
  }
}

function scalingOf(parameters: NonNullable<Rope>): RopeScaling | undefined {
  if (!isLlama3(parameters)) return undefined;
  const [factor, lowFreqFactor, highFreqFactor, originalMaxPositions] = SCALING_FIELDS.map(
    (field) => parameters[field]!,
  ) as [number, number, number, number];
  return { factor, lowFreqFactor, highFreqFactor, originalMaxPositions };
}
