import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { INT4_BLOCK, quantizeInt4Row } from "./int4-blocks.ts";
import { quantizeInt8Row } from "./int8-rows.ts";
import { TransposedMatrix } from "./transposed-matrix.ts";

/** Rows as weights have them: no subnormal numbers, which a scale could not divide. */
const rows = fc
  .array(fc.double({ min: -1000, max: 1000, noNaN: true }), { minLength: 1, maxLength: 3 * INT4_BLOCK })
  .map((values) => Float32Array.from(values, (value) => (Math.abs(value) < 1e-20 ? 0 : value)));

/** As the MatMulNBits operator reads them: two levels to a byte, the lower half first, 8 standing for zero. */
function int4Values(row: Float32Array): Float32Array {
  const { quantized, scales } = quantizeInt4Row(row);
  return row.map((_, i) => {
    const byte = quantized[i >> 1]!;
    const level = i % 2 === 0 ? byte & 0xf : byte >> 4;
    return (level - 8) * scales[Math.floor(i / INT4_BLOCK)]!;
  });
}

describe("Quantizing a row to 4 bits", () => {
  test("changes no value by more than one step of its block", () => {
    fc.assert(
      fc.property(rows, (row) => {
        const values = int4Values(row);
        for (let begin = 0; begin < row.length; begin += INT4_BLOCK) {
          const block = row.subarray(begin, begin + INT4_BLOCK);
          const step = Math.max(...block.map(Math.abs)) / 8;
          for (const [i, value] of block.entries()) {
            expect(Math.abs(values[begin + i]! - value)).toBeLessThanOrEqual(step * (1 + 1e-6));
          }
        }
      }),
    );
  });

  test("changes values that are not at the short end of the range by half a step at most", () => {
    fc.assert(
      fc.property(rows, (row) => {
        const values = int4Values(row);
        const { scales } = quantizeInt4Row(row);
        for (const [i, value] of row.entries()) {
          const scale = scales[Math.floor(i / INT4_BLOCK)]!;
          if (scale === 0 || value / scale > 7.5) continue;
          expect(Math.abs(values[i]! - value)).toBeLessThanOrEqual(Math.abs(scale) * (0.5 + 1e-5));
        }
      }),
    );
  });

  test("keeps the largest value of a block", () => {
    fc.assert(
      fc.property(rows, (row) => {
        const first = row.subarray(0, INT4_BLOCK);
        const at = first.findIndex((value) => Math.abs(value) === Math.max(...first.map(Math.abs)));
        expect(int4Values(row)[at]).toBeCloseTo(first[at]!, 3);
      }),
    );
  });

  test("keeps zeros, and pads the last block with them", () => {
    expect([...int4Values(new Float32Array(70))].filter((value) => value !== 0)).toEqual([]);
    const { quantized, scales } = quantizeInt4Row(Float32Array.of(-1));
    expect([...quantized]).toEqual([0x80, ...new Array(31).fill(0x88)]);
    expect([...scales]).toEqual([0.125]);
  });
});

describe("Quantizing a row to 8 bits", () => {
  test("changes no value by more than half a step", () => {
    fc.assert(
      fc.property(rows, (row) => {
        const levels = new Int8Array(row.length);
        const scale = quantizeInt8Row(row, levels);
        for (const [i, value] of row.entries()) {
          expect(Math.abs(levels[i]! * scale - value)).toBeLessThanOrEqual(scale * (0.5 + 1e-4));
        }
      }),
    );
  });

  test("is symmetric, and keeps a row of zeros", () => {
    const levels = new Int8Array(3);
    expect(quantizeInt8Row(Float32Array.of(-2, 1, 2), levels)).toBe(Math.fround(2 / 127));
    expect([...levels]).toEqual([-127, 64, 127]);
    expect(quantizeInt8Row(new Float32Array(3), levels)).toBe(0);
    expect([...levels]).toEqual([0, 0, 0]);
  });
});

test("A matrix filled row by row comes out column by column", () => {
  const shapes = fc.tuple(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 20 }));
  fc.assert(
    fc.property(shapes, ([rowCount, columns]) => {
      const matrix = new TransposedMatrix(rowCount, columns);
      const value = (row: number, column: number) => ((row * 31 + column * 7) % 255) - 127;
      for (let row = 0; row < rowCount; row++) {
        matrix.nextRow().set(Array.from({ length: columns }, (_, column) => value(row, column)));
      }
      const expected = Array.from({ length: rowCount * columns }, (_, i) =>
        value(i % rowCount, Math.floor(i / rowCount)),
      );
      expect([...matrix.finish()]).toEqual(expected);
    }),
  );
});
