/** How the weights of linear layers are stored and multiplied; one file per format. */
import type { GraphBuilder, Value } from "../graph-builder.ts";
import type { WeightSpec } from "../weight-plan.ts";

/** A linear layer without its bias: from `columns` inputs to `rows` outputs. */
export interface LinearLayer {
  /** Its initializers are called this, or begin with it. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** The checkpoint tensors that it is made of, `[out, in]` each, one above the other. */
  readonly tensors: readonly string[];
}

/** A way to store and to compute linear layers. */
export interface LinearFormat {
  /** True when the weight is the float32 matrix itself, so that a tied embedding need not be stored again. */
  readonly storesFloats: boolean;
  /** The initializers of a layer and how they are made. */
  weight(layer: LinearLayer): WeightSpec;
  /** Adds the nodes that multiply `input` `[B, S, columns]`; returns `[B, S, rows]`, called `output` if that is given. */
  multiply(g: GraphBuilder, input: Value, layer: LinearLayer, output?: Value): Value;
}
