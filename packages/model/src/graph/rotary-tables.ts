/** Cosine and sine tables of the rotary position embedding, as Hugging Face Llama computes them. */

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
export function rotaryTables(positions: number, headDim: number, theta: number): RotaryTables {
  const half = headDim / 2;
  const frequencies = Float32Array.from(
    { length: half },
    (_, i) => 1 / Math.fround(theta ** ((2 * i) / headDim)),
  );
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
