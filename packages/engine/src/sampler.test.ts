import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { sample } from "./sampler.ts";
import { splitmix64, uniform } from "./splitmix64.ts";

const logitsArbitrary = fc
  .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 300 })
  .map((values) => Float32Array.from(values));
const seedArbitrary = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

function request(temperature: number, topP: number, seed = 7n, outputIndex = 0) {
  return { sampling: { temperature, topP, seed, maxTokens: 1, stopTokenIds: [] }, outputIndex };
}

/** Top-p by the book: softmax, sort everything, cut, draw in the order of token ids. */
function referenceSample(logits: Float32Array, temperature: number, topP: number, fraction: number): number {
  const maximum = Math.max(...logits);
  const distances = Array.from(logits, (logit) => (maximum - logit) / temperature);
  const weights = distances.map((distance) => Math.exp(-distance));
  const order = weights.map((_, index) => index).sort((a, b) => distances[a]! - distances[b]! || a - b);
  const target = topP * weights.reduce((sum, weight) => sum + weight, 0);
  const kept = new Set<number>();
  let sum = 0;
  for (const index of order) {
    if (sum >= target && topP < 1) break;
    kept.add(index);
    sum += weights[index]!;
  }
  const ids = [...kept].sort((a, b) => a - b);
  const total = ids.reduce((mass, id) => mass + weights[id]!, 0);
  let passed = 0;
  for (const id of ids) {
    passed += weights[id]!;
    if (passed > fraction * total) return id;
  }
  return ids.at(-1)!;
}

describe("greedy sampling", () => {
  test("takes the largest logit, of equal ones the first", () => {
    expect(sample(Float32Array.of(1, 5, -2, 5), request(0, 1))).toBe(1);
    expect(sample(Float32Array.of(Number.NEGATIVE_INFINITY, -3), request(0, 1))).toBe(1);
  });
});

describe("random sampling", () => {
  test("chooses what a full sort in float64 chooses", () => {
    const temperature = fc.double({ min: 0.05, max: 3, noNaN: true });
    const topP = fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 1, noNaN: true }));
    const property = fc.property(
      logitsArbitrary,
      temperature,
      topP,
      seedArbitrary,
      fc.nat(5000),
      (logits, t, p, seed, index) => {
        const expected = referenceSample(logits, t, p, uniform(seed, index));
        expect(sample(logits, request(t, p, seed, index))).toBe(expected);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  test("follows the probabilities", () => {
    const logits = Float32Array.of(Math.log(0.5), Math.log(0.3), Math.log(0.2));
    const counts = [0, 0, 0];
    for (let index = 0; index < 20_000; index++) {
      const token = sample(logits, request(1, 1, 42n, index));
      counts[token] = counts[token]! + 1;
    }
    expect(counts[0]! / 20_000).toBeCloseTo(0.5, 1);
    expect(counts[1]! / 20_000).toBeCloseTo(0.3, 1);
    expect(counts[2]! / 20_000).toBeCloseTo(0.2, 1);
  });

  test("with a very small top-p is greedy", () => {
    fc.assert(
      fc.property(logitsArbitrary, seedArbitrary, (logits, seed) => {
        expect(sample(logits, request(1, 1e-9, seed))).toBe(sample(logits, request(0, 1)));
      }),
    );
  });

  test("with a very small temperature is greedy where one logit is largest", () => {
    expect(sample(Float32Array.of(0, 2, 1), request(1e-6, 1))).toBe(1);
    expect(sample(Float32Array.of(0, 2, 1), request(1e-6, 0.5))).toBe(1);
  });

  test("never chooses a token with a logit of minus infinity", () => {
    const logits = new Float32Array(50).fill(Number.NEGATIVE_INFINITY);
    logits[31] = 0;
    logits[47] = -1;
    for (let index = 0; index < 100; index++) {
      expect([31, 47]).toContain(sample(logits, request(2, 0.999, 3n, index)));
    }
  });
});

describe("broken logits", () => {
  test.each([
    ["NaN", Float32Array.of(0, Number.NaN, 1)],
    ["positive infinity", Float32Array.of(0, Number.POSITIVE_INFINITY)],
    ["minus infinity alone", new Float32Array(4).fill(Number.NEGATIVE_INFINITY)],
  ])("with %s are an error, not a token", (_, logits) => {
    expect(() => sample(logits, request(0, 1))).toThrow(/Cannot sample a token from logits/);
    expect(() => sample(logits, request(1, 0.9))).toThrow(/Cannot sample a token from logits/);
  });
});

describe("random numbers", () => {
  test("are the published ones of SplitMix64", () => {
    const stream = [0, 1, 2, 3, 4].map((index) => splitmix64(1234567n, index));
    expect(stream).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]);
  });

  test("lie in [0, 1)", () => {
    fc.assert(
      fc.property(seedArbitrary, fc.nat(100_000), (seed, index) => {
        const value = uniform(seed, index);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(1);
      }),
    );
  });
});
