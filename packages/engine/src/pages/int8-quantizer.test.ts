import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Int8Quantizer } from "./int8-quantizer.ts";

const ELEMENTS = 8;
const MOST = 6;

const vectorsArbitrary = fc.array(
  fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
      minLength: ELEMENTS,
      maxLength: ELEMENTS,
    })
    .map((vector) => Float32Array.from(vector)),
  { maxLength: MOST },
);

function quantizerOf(vectors: readonly Float32Array[]): Int8Quantizer {
  const quantizer = new Int8Quantizer(ELEMENTS, MOST);
  for (const [index, vector] of vectors.entries()) quantizer.vectors.set(vector, index * ELEMENTS);
  return quantizer;
}

function peakOf(vector: Float32Array): number {
  return Math.max(...vector.map(Math.abs));
}

describe("quantized vectors", () => {
  test("are within half a level of what they were, and the largest element has the largest level", () => {
    const property = fc.property(vectorsArbitrary, (vectors) => {
      const quantizer = quantizerOf(vectors);
      quantizer.quantizeRows(vectors.length);
      for (const [index, vector] of vectors.entries()) {
        const levels = quantizer.levels.slice(index * ELEMENTS, (index + 1) * ELEMENTS);
        const scale = quantizer.scales[index]!;
        const sum = levels.reduce((total, level) => total + level, 0);
        expect(scale).toBe(Math.fround(peakOf(vector) / 127));
        expect(quantizer.sums[index]).toBe(sum);
        // Below the smallest normal number a scale has few digits.
        if (peakOf(vector) < 1e-30) continue;
        expect(Math.max(...levels.map(Math.abs))).toBe(127);
        for (const [element, level] of levels.entries()) {
          expect(Math.abs(level - vector[element]! / scale)).toBeLessThan(0.5001);
        }
      }
    });
    fc.assert(property);
  });

  test("are the same in columns, and leave the other columns alone", () => {
    const property = fc.property(vectorsArbitrary, fc.nat(MOST - 1), (vectors, at) => {
      const first = Math.min(at, MOST - vectors.length);
      const quantizer = quantizerOf(vectors);
      quantizer.quantizeRows(vectors.length);
      const rows = quantizer.levels.slice();
      quantizer.levels.fill(99);
      quantizer.quantizeColumns(first, vectors.length);
      for (let element = 0; element < ELEMENTS; element++) {
        for (let column = 0; column < MOST; column++) {
          const vector = column - first;
          const expected = vectors[vector] ? rows[vector * ELEMENTS + element] : 99;
          expect(quantizer.levels[element * MOST + column]).toBe(expected);
        }
      }
    });
    fc.assert(property);
  });

  test("of zeros are zeros, and one that is not a number has no scale", () => {
    const broken = Float32Array.from({ length: ELEMENTS }, (_, element) => (element === 5 ? Number.NaN : 3));
    const quantizer = quantizerOf([new Float32Array(ELEMENTS), broken]);
    quantizer.quantizeRows(2);
    expect([...quantizer.levels.subarray(0, ELEMENTS)]).toEqual(Array(ELEMENTS).fill(0));
    expect([...quantizer.scales.subarray(0, 2)]).toEqual([0, Number.NaN]);
    expect([...quantizer.sums.subarray(0, 2)]).toEqual([0, Number.NaN]);
  });
});

test("heads whose size the kernel cannot do are refused", () => {
  expect(() => new Int8Quantizer(6, MOST)).toThrow("heads have 6 elements, expected a multiple of 4");
});
