/** Cosine and sine tables of the rotary position embedding, as Hugging Face computes them. */
import type { ModelConfig, RopeScaling } from "../checkpoint/model-config.ts";

/** Row p holds the angles of position p: `[positions, headDim / 2]`, row-major. */
export interface RotaryTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Element i of a head is paired with element i + headDim/2 (the "half" layout, not the interleaved one) and turned by
 * `position * theta^(-2i/headDim)`. Frequency and angle are rounded to float32 where the original rounds them:
 * at position 8,000 the angle's own rounding is larger than the cosine's.
 */
export function rotaryTables(
  config: Pick<ModelConfig, "maxPositions" | "headDim" | "ropeTheta" | "ropeScaling">,
): RotaryTables {
  const { maxPositions, headDim, ropeTheta, ropeScaling } = config;
  const half = headDim / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => {
    const frequency = 1 / Math.fround(ropeTheta ** ((2 * i) / headDim));
    return ropeScaling ? stretched(Math.fround(frequency), ropeScaling) : frequency;
  });
  const cos = new Float32Array(maxPositions * half);
  const sin = new Float32Array(maxPositions * half);
  for (let position = 0; position < maxPositions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/**
 * Llama 3's frequency: unchanged where the original context holds `highFreqFactor` turns or more, divided by `factor`
 * where it holds `lowFreqFactor` or less, and a mixture of both between.
 */
function stretched(frequency: number, scaling: RopeScaling): number {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  const turns = (originalMaxPositions * frequency) / (2 * Math.PI);
  if (turns > highFreqFactor) return frequency;
  if (turns < lowFreqFactor) return frequency / factor;
  const kept = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
  return (1 - kept) * (frequency / factor) + kept * frequency;
}
