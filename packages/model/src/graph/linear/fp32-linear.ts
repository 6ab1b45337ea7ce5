import { floatsOfTensors } from "../weight-plan.ts";
import type { LinearFormat } from "./linear-format.ts";

/**
 * Weights as float32, `[out, in]` as in the checkpoint. The runtime packs constant weights once at load, so `transB`
 * costs nothing.
 */
export const fp32Linear: LinearFormat = {
  storesFloats: true,
  weight: ({ name, rows, columns, tensors }) => floatsOfTensors(name, [rows, columns], tensors),
  multiply: (g, input, { name }, output) =>
    g.node(
      "FusedMatMul",
      [input, g.weight(name)],
      { transB: 1 },
      output === undefined ? undefined : [output],
    ),
};
