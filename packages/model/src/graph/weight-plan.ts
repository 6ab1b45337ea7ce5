/**
 * The layout of `weights.bin`, the one file of weights beside both graphs: what is in it, in which order, at which
 * offset. It depends on config and format alone, so that graphs can refer to weights that are not written yet.
 */
import type { TensorSource } from "../checkpoint/tensor-source.ts";

/** Graphs map the file: weights start on pages, so that a mapping needs no copy. */
const ALIGNMENT_BYTES = 4096;

/** Bytes of an element of each type that weights are written in. */
const TYPE_BYTES = { float32: 4, int8: 1, uint8: 1 } as const;

/** A tensor of the file, as the graphs know it. */
export interface Initializer {
  /** Its name in the graphs. */
  readonly name: string;
  readonly type: keyof typeof TYPE_BYTES;
  readonly shape: readonly number[];
}

/** What is written together because it is made from the same values. */
export interface WeightSpec {
  /** In the order of the file. */
  readonly initializers: readonly Initializer[];
  /** The bytes of all of them, one initializer after the other. */
  readonly content: (tensors: TensorSource) => AsyncIterable<WeightPiece>;
}

/** Some bytes of an initializer, which follow those of the piece before. */
export interface WeightPiece {
  readonly initializer: string;
  readonly bytes: Uint8Array;
}

/** An initializer with its place in the file. */
export interface PlacedInitializer extends Initializer {
  /** Offset in bytes, a multiple of 4096. */
  readonly offset: number;
  readonly bytes: number;
}

/** The whole file. */
export interface WeightPlan {
  readonly specs: readonly WeightSpec[];
  /** By name, in the order of the file. */
  readonly places: ReadonlyMap<string, PlacedInitializer>;
}

/** Gives each initializer its place, in the order given. */
export function planWeights(specs: readonly WeightSpec[]): WeightPlan {
  const places = new Map<string, PlacedInitializer>();
  let offset = 0;
  for (const initializer of specs.flatMap(({ initializers }) => initializers)) {
    const elementBytes = TYPE_BYTES[initializer.type];
    const bytes = initializer.shape.reduce((product, dimension) => product * dimension, elementBytes);
    places.set(initializer.name, { ...initializer, offset, bytes });
    offset = Math.ceil((offset + bytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  }
  return { specs, places };
}

/** A float32 weight made of checkpoint tensors, one after the other. */
export function floatsOfTensors(
  name: string,
  shape: readonly number[],
  tensors: readonly string[],
): WeightSpec {
  return {
    initializers: [{ name, type: "float32", shape }],
    async *content(source) {
      for (const tensor of tensors) {
        for await (const values of source.read(tensor)) yield { initializer: name, bytes: bytesOf(values) };
      }
    },
  };
}

/** A float32 weight that is computed here. */
export function floatsOfValues(
  name: string,
  shape: readonly number[],
  values: () => Float32Array,
): WeightSpec {
  return {
    initializers: [{ name, type: "float32", shape }],
    async *content() {
      yield { initializer: name, bytes: bytesOf(values()) };
    },
  };
}

/** The memory of an array as bytes; a view. */
export function bytesOf(values: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
