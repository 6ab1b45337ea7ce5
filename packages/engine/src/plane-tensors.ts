import { Tensor } from "onnxruntime-node";
import { planeName } from "./kv-rows.ts";

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
