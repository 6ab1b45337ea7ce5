import { quantizeInt8Row } from "../../quantize/int8-rows.ts";
import { matrixRows } from "../../quantize/matrix-rows.ts";
import { TransposedMatrix } from "../../quantize/transposed-matrix.ts";
import type { GraphBuilder, Value } from "../graph-builder.ts";
import { bytesOf } from "../weight-plan.ts";
import type { LinearFormat, LinearLayer } from "./linear-format.ts";

const parts = ({ name }: LinearLayer) =>
  ({ quantized: `${name}.int8`, scales: `${name}.int8.scales` }) as const;

/** Weights as 8 bits with one scale per output, activations as 8 bits with one scale per token. */
export const int8Linear: LinearFormat = {
  storesFloats: false,
  weight(layer) {
    const { rows, columns, tensors } = layer;
    const { quantized, scales } = parts(layer);
    return {
      initializers: [
        // The operator wants the transposed matrix.
        { name: quantized, type: "int8", shape: [columns, rows] },
        { name: scales, type: "float32", shape: [rows] },
      ],
      async *content(source) {
        const matrix = new TransposedMatrix(rows, columns);
        const allScales = new Float32Array(rows);
        let row = 0;
        for await (const values of matrixRows(source, tensors, columns)) {
          allScales[row] = quantizeInt8Row(values, matrix.nextRow());
          row++;
        }
        yield { initializer: quantized, bytes: bytesOf(matrix.finish()) };
        yield { initializer: scales, bytes: bytesOf(allScales) };
      },
    };
  },
  multiply(g, input, layer, output) {
    const { quantized, scales } = parts(layer);
    const { levels, peak } = quantizeTokens(g, input);
    const inputs = [levels, g.weight(quantized), g.scalar(STEP), g.weight(scales), g.uint8(ZERO_POINT)];
    const product = g.node("MatMulIntegerToFloat", inputs);
    return g.node("Mul", [product, peak], {}, output === undefined ? undefined : [output]);
  },
};

/** Activations in -1 … 1 are stored as 1 … 255. */
const STEP = 1 / 127;
const ZERO_POINT = 128;
/** Keeps a token of zeros from being divided by zero. */
const SMALLEST_PEAK = 1e-30;

/**
 * Each token's activations divided by their largest magnitude, as 8 bits. One scale per token, not one for all as
 * DynamicQuantizeMatMul has it: what a token gives must not depend on what else is in its batch or chunk.
 */
function quantizeTokens(g: GraphBuilder, input: Value): { readonly levels: Value; readonly peak: Value } {
  const largest = g.node("ReduceMax", [g.node("Abs", [input])], { axes: [-1], keepdims: 1 });
  const peak = g.node("Max", [largest, g.float(SMALLEST_PEAK)]);
  const unit = g.node("Div", [input, peak]);
  return { levels: g.node("QuantizeLinear", [unit, g.scalar(STEP), g.uint8(ZERO_POINT)]), peak };
}
