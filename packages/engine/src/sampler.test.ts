import { MIN_LOGPROB, NEUTRAL_SAMPLING, type SamplingParams } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Sampler } from "./sampler.ts";
import { splitmix64, uniform } from "./splitmix64.ts";
import { TokenHistory } from "./token-history.ts";

const logitsArbitrary = fc
  .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 300 })
  .map((values) => Float32Array.from(values));
/** So many that several blocks are summed, flat and with many equal ones. */
const manyLogitsArbitrary = fc
  .tuple(fc.integer({ min: 300, max: 1500 }), fc.nat(1e6), fc.integer({ min: 1, max: 1000 }))
  .map(([size, seed, values]) =>
    Float32Array.from({ length: size }, (_, id) => (((id + seed) * 7919) % values) / (values / 8)),
  );
const seedArbitrary = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

interface Context {
  readonly outputIndex?: number;
  readonly prompt?: readonly number[];
  readonly answer?: readonly number[];
}

function sampled(logits: Float32Array, sampling: Partial<SamplingParams>, context: Context = {}) {
  const { outputIndex = 0, prompt = [], answer = [] } = context;
  return new Sampler(logits.length).sample(logits, {
    sampling: { ...NEUTRAL_SAMPLING, ...sampling },
    outputIndex,
    history: new TokenHistory({ promptTokenIds: prompt, answerTokenIds: answer }),
  });
}

function sample(logits: Float32Array, sampling: Partial<SamplingParams>, context?: Context): number {
  return sampled(logits, sampling, context).tokenId;
}

type Rules = Pick<SamplingParams, "temperature" | "minP" | "topK" | "topP">;

/** Closer than this, rounding decides. */
const ROUNDING = 1e-5;

/**
 * By the book: softmax in float64, sort everything, cut three times; then draw in the order of token ids, among all, then
 * among those before what was drawn, until it is in the cut. Undefined where rounding decides.
 */
function referenceSample(logits: Float32Array, rules: Rules, random: () => number): number | undefined {
  const { temperature, minP, topK, topP } = rules;
  const maximum = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp((logit - maximum) / temperature));
  if (weights.some((weight) => Math.abs(Math.log(weight / minP)) < ROUNDING)) return undefined;
  const order = weights.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b);
  let rest = order.filter((id) => weights[id]! >= minP).slice(0, topK || order.length);
  const total = weightOf(rest, weights);
  for (;;) {
    const drawn = referenceDraw(rest, weights, random());
    if (drawn === undefined) return undefined;
    rest = rest.slice(0, rest.indexOf(drawn));
    const before = weightOf(rest, weights);
    if (Math.abs(before - topP * total) < ROUNDING * total) return undefined;
    if (before < topP * total) return drawn;
  }
}

function referenceDraw(ids: readonly number[], weights: readonly number[], fraction: number) {
  const total = weightOf(ids, weights);
  let sum = 0;
  for (const id of ids.toSorted((a, b) => a - b)) {
    sum += weights[id]!;
    if (Math.abs(sum - fraction * total) < ROUNDING * total) return undefined;
    if (sum > fraction * total) return id;
  }
  return undefined;
}

function weightOf(ids: readonly number[], weights: readonly number[]): number {
  return ids.reduce((sum, id) => sum + weights[id]!, 0);
}

/** The numbers that choose one token. */
function numbersOf(seed: bigint, outputIndex: number): () => number {
  const numbers = splitmix64(seed, outputIndex);
  let index = 0;
  return () => uniform(numbers, index++);
}

describe("greedy sampling", () => {
  test("takes the largest logit, of equal ones the first", () => {
    expect(sample(Float32Array.of(1, 5, -2, 5), { temperature: 0 })).toBe(1);
    expect(sample(Float32Array.of(Number.NEGATIVE_INFINITY, -3), { temperature: 0 })).toBe(1);
  });
});

describe("random sampling", () => {
  test("chooses what a full sort in float64 chooses", () => {
    const share = fc.double({ min: 0.001, max: 0.999, noNaN: true });
    const rules = fc.record({
      temperature: fc.double({ min: 0.05, max: 3, noNaN: true }),
      minP: fc.oneof(fc.constant(0), share),
      topK: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1200 })),
      topP: fc.oneof(fc.constant(1), share),
    });
    const property = fc.property(
      fc.oneof(logitsArbitrary, manyLogitsArbitrary),
      rules,
      seedArbitrary,
      fc.nat(5000),
      (logits, rule, seed, index) => {
        const expected = referenceSample(logits, rule, numbersOf(seed, index));
        fc.pre(expected !== undefined);
        expect(sample(logits, { ...rule, seed }, { outputIndex: index })).toBe(expected);
      },
    );
    fc.assert(property, { numRuns: 700 });
  });

  test("draws from top-p's share in proportion to the probabilities", () => {
    const probabilities = [0.1, 0.3, 0.15, 0.2, 0.25];
    const logits = Float32Array.from(probabilities, Math.log);
    const counts = [0, 0, 0, 0, 0];
    for (let index = 0; index < 20_000; index++) {
      const token = sample(logits, { topP: 0.7, seed: 7n }, { outputIndex: index });
      counts[token] = counts[token]! + 1;
    }
    const expected = [0, 0.4, 0, 0.2 / 0.75, 0.25 / 0.75];
    for (const [id, count] of counts.entries()) expect(count / 20_000).toBeCloseTo(expected[id]!, 1);
  });

  test("follows the probabilities", () => {
    const logits = Float32Array.of(Math.log(0.5), Math.log(0.3), Math.log(0.2));
    const counts = [0, 0, 0];
    for (let index = 0; index < 20_000; index++) {
      const token = sample(logits, { seed: 42n }, { outputIndex: index });
      counts[token] = counts[token]! + 1;
    }
    expect(counts[0]! / 20_000).toBeCloseTo(0.5, 1);
    expect(counts[1]! / 20_000).toBeCloseTo(0.3, 1);
    expect(counts[2]! / 20_000).toBeCloseTo(0.2, 1);
  });

  test("with a very small top-p is greedy", () => {
    fc.assert(
      fc.property(logitsArbitrary, seedArbitrary, (logits, seed) => {
        expect(sample(logits, { topP: 1e-9, seed })).toBe(sample(logits, { temperature: 0 }));
      }),
    );
  });

  test("with a very small temperature is greedy where one logit is largest", () => {
    expect(sample(Float32Array.of(0, 2, 1), { temperature: 1e-6 })).toBe(1);
    expect(sample(Float32Array.of(0, 2, 1), { temperature: 1e-6, topP: 0.5 })).toBe(1);
  });

  test("never chooses a token with a logit of minus infinity", () => {
    const logits = new Float32Array(50).fill(Number.NEGATIVE_INFINITY);
    logits[31] = 0;
    logits[47] = -1;
    for (let index = 0; index < 100; index++) {
      expect([31, 47]).toContain(
        sample(logits, { temperature: 2, topP: 0.999, seed: 3n }, { outputIndex: index }),
      );
    }
  });
});

describe("what changes the logits", () => {
  const greedy = { temperature: 0 };

  test("a bias forces or bans its tokens", () => {
    const logits = Float32Array.of(3, 2, 1);
    expect(sample(logits, { ...greedy, logitBias: [{ tokenId: 2, bias: 100 }] })).toBe(2);
    expect(sample(logits, { ...greedy, logitBias: [{ tokenId: 0, bias: -100 }] })).toBe(1);
  });

  test("stop tokens are banned until there are enough tokens", () => {
    const logits = Float32Array.of(3, 2, 1);
    const rules = { ...greedy, minTokens: 2, stopTokenIds: [0, 1] };
    expect([0, 1, 2].map((outputIndex) => sample(logits, rules, { outputIndex }))).toEqual([2, 2, 0]);
  });

  test("a repetition penalty divides what is positive and multiplies what is negative, in prompt and answer", () => {
    const rules = { ...greedy, repetitionPenalty: 2 };
    expect(sample(Float32Array.of(3, 2), rules, { prompt: [0] })).toBe(1);
    expect(sample(Float32Array.of(-1, -1.5), rules, { answer: [0] })).toBe(1);
    // Once, however often and wherever the token is.
    expect(sample(Float32Array.of(3.1, 1.5), rules, { prompt: [0, 0], answer: [0, 0] })).toBe(0);
  });

  test("a presence penalty counts a token of the answer once, a frequency penalty each time", () => {
    const logits = Float32Array.of(3, 2);
    const answer = [0, 0, 0];
    expect(sample(logits, { ...greedy, presencePenalty: 0.9 }, { answer })).toBe(0);
    expect(sample(logits, { ...greedy, presencePenalty: 1.1 }, { answer })).toBe(1);
    expect(sample(logits, { ...greedy, frequencyPenalty: 0.3 }, { answer })).toBe(0);
    expect(sample(logits, { ...greedy, frequencyPenalty: 0.4 }, { answer })).toBe(1);
    expect(sample(logits, { ...greedy, presencePenalty: 2, frequencyPenalty: 2 }, { prompt: [0] })).toBe(0);
  });
});

describe("log-probabilities", () => {
  test("are those of the model's distribution, whatever the sampling parameters are", () => {
    const probabilities = [0.1, 0.5, 0.15, 0.25];
    const logits = Float32Array.from(probabilities, (probability) => Math.log(probability) + 3);
    const rules = { temperature: 0, topLogprobs: 2, logitBias: [{ tokenId: 2, bias: 50 }], topK: 1 };
    const { tokenId, logprobs } = sampled(logits, rules, { answer: [1] });
    expect(tokenId).toBe(2);
    expect(logprobs!.logprob).toBeCloseTo(Math.log(0.15), 5);
    expect(logprobs!.top.map((entry) => entry.tokenId)).toEqual([1, 3]);
    expect(logprobs!.top.map((entry) => entry.logprob)).toEqual([
      expect.closeTo(Math.log(0.5), 5),
      expect.closeTo(Math.log(0.25), 5),
    ]);
  });

  test("of equal tokens name the smaller id first, and of a small vocabulary all", () => {
    const { logprobs } = sampled(Float32Array.of(1, 2, 1), { topLogprobs: 20 });
    expect(logprobs!.top.map((entry) => entry.tokenId)).toEqual([1, 0, 2]);
  });

  test("are never below what JSON can say", () => {
    const logits = Float32Array.of(0, Number.NEGATIVE_INFINITY);
    expect(sampled(logits, { topLogprobs: 2 }).logprobs!.top[1]!.logprob).toBe(MIN_LOGPROB);
  });

  test("are those of a softmax in float64", () => {
    const property = fc.property(
      fc.oneof(logitsArbitrary, manyLogitsArbitrary),
      fc.nat(20),
      (logits, topLogprobs) => {
        const { tokenId, logprobs } = sampled(logits, { topLogprobs });
        const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
        const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
        expect(logprobs!.top.map((entry) => entry.tokenId)).toEqual(order.slice(0, topLogprobs));
        for (const { tokenId: id, logprob } of [{ tokenId, ...logprobs! }, ...logprobs!.top]) {
          expect(logprob).toBeCloseTo(logits[id]! - logSum, 4);
        }
      },
    );
    fc.assert(property);
  });

  test("are left out where nobody asks", () => {
    expect(sampled(Float32Array.of(1, 2), {})).toEqual({ tokenId: expect.any(Number) });
  });
});

describe("broken logits", () => {
  test.each([
    ["NaN", Float32Array.of(0, Number.NaN, 1)],
    ["positive infinity", Float32Array.of(0, Number.POSITIVE_INFINITY)],
    ["NaN at the end of a large vocabulary", new Float32Array(1001).fill(Number.NaN, 1000)],
    ["minus infinity alone", new Float32Array(4).fill(Number.NEGATIVE_INFINITY)],
  ])("with %s are an error, not a token", (_, logits) => {
    expect(() => sample(logits, { temperature: 0 })).toThrow(/Cannot sample a token from logits/);
    expect(() => sample(logits, { topP: 0.9 })).toThrow(/Cannot sample a token from logits/);
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
