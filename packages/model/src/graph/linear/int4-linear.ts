import { INT4_BLOCK, int4Blocks, quantizeInt4Row } from "../../quantize/int4-blocks.ts";
import { matrixRows } from "../../quantize/matrix-rows.ts";
import { bytesOf } from "../weight-plan.ts";
import type { LinearFormat, LinearLayer } from "./linear-format.ts";

/** The kernel quantizes activations to 8 bits, block by block, and multiplies integers. */
const INT8_ACTIVATIONS = 4;

const parts = ({ name }: LinearLayer) =>
  ({ quantized: `${name}.int4`, scales: `${name}.int4.scales` }) as const;

/** Weights as blocks of 4 bits, multiplied by MatMulNBits. */
export const int4Linear: LinearFormat = {
  storesFloats: false,
  weight(layer) {
    const { rows, columns, tensors } = layer;
    const { quantized, scales } = parts(layer);
    const blocks = int4Blocks(columns);
    return {
      initializers: [
        { name: quantized, type: "uint8", shape: [rows, blocks, INT4_BLOCK / 2] },
        { name: scales, type: "float32", shape: [rows * blocks] },
      ],
      async *content(source) {
        const allScales = new Float32Array(rows * blocks);
        let row = 0;
        for await (const values of matrixRows(source, tensors, columns)) {
          const result = quantizeInt4Row(values);
          allScales.set(result.scales, row++ * blocks);
          yield { initializer: quantized, bytes: result.quantized };
        }
        yield { initializer: scales, bytes: bytesOf(allScales) };
      },
    };
  },
  multiply(g, input, layer, output) {
    const { rows, columns } = layer;
    const { quantized, scales } = parts(layer);
    const attributes = {
      K: columns,
      N: rows,
      bits: 4,
      block_size: INT4_BLOCK,
      accuracy_level: INT8_ACTIVATIONS,
    };
    const inputs = [input, g.weight(quantized), g.weight(scales)];
    return g.node("MatMulNBits", inputs, attributes, output === undefined ? undefined : [output]);
  },
};
