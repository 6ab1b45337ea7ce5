/** Seeded random weights of a Llama model whose answers depend visibly on the whole prompt. */
import { TENSOR_NAMES } from "../checkpoint/decoder-tensors.ts";
import type { CheckpointContent } from "../synth/checkpoint-writer.ts";
import { randomTensor, randomValues } from "../synth/random-values.ts";

/**
 * Values for every tensor. Linear layers keep the variance of what they are given (a uniform distribution in
 * ±sqrt(3 / fan-in)); embeddings have variance 1; norm weights lie around 1.
 */
export function randomDecoderValues(seed: number): CheckpointContent["values"] {
  const next = randomValues(seed);
  return (name, shape) => {
    const [rows, columns] = shape as [number, number?];
    if (columns === undefined) return randomTensor(next, rows, 0.2).map((value) => 1 + value);
    const fanIn = name === TENSOR_NAMES.embedding ? 1 : columns;
    return randomTensor(next, rows * columns, gain(name) * Math.sqrt(3 / fanIn));
  };
}

/** Sharper queries make attention pick positions instead of averaging them all, so that answers vary. */
function gain(name: string): number {
  return name.endsWith("q_proj.weight") ? 3 : 1;
}
