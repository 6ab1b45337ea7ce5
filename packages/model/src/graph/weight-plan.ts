/**
 * The layout of `weights.bin`, the one file of weights beside both graphs: what is in it, in which order, at which
 * offset. It depends on the config alone, so that graphs can refer to weights that are not written yet.
 */

/** Graphs map the file: tensors start on pages, so that a mapping needs no copy. */
const ALIGNMENT_BYTES = 4096;

/** A weight before it has its place. */
export interface WeightSpec {
  /** Name of the initializer in the graphs. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly content: WeightContent;
}

/** Checkpoint tensors one after the other, or values computed here. */
export type WeightContent =
  | { readonly kind: "tensors"; readonly names: readonly string[] }
  | { readonly kind: "values"; readonly values: () => Float32Array };

/** A weight with its place in the file. */
export interface PlannedWeight extends WeightSpec {
  /** Offset in bytes, a multiple of 4096. */
  readonly offset: number;
  readonly bytes: number;
}

/** Weights by name, in the order of the file. */
export type WeightPlan = ReadonlyMap<string, PlannedWeight>;

/** Gives each weight its place, in the order given. */
export function planWeights(specs: readonly WeightSpec[]): WeightPlan {
  const plan = new Map<string, PlannedWeight>();
  let offset = 0;
  for (const spec of specs) {
    const bytes = spec.shape.reduce((product, dimension) => product * dimension, 4);
    plan.set(spec.name, { ...spec, offset, bytes });
    offset = Math.ceil((offset + bytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }
  return plan;
}
