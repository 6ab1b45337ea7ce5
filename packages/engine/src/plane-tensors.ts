import { Tensor } from "onnxruntime-node";

/** Inputs or outputs of a graph, by name. */
export type Tensors = Record<string, Tensor>;

/** A tensor for each plane, `<prefix>.<layer>.<k|v>`. */
export function planeTensors(
  prefix: string,
  planes: readonly Float32Array[],
  dims: readonly number[],
): Tensors {
  return Object.fromEntries(
    planes.map((data, plane) => [planeName(prefix, plane), new Tensor("float32", data, dims)]),
  );
}

/** `past.3.v` for plane 7: planes alternate between K and V. */
export function planeName(prefix: string, plane: number): string {
  return `${prefix}.${Math.floor(plane / 2)}.${plane % 2 === 0 ? "k" : "v"}`;
}
