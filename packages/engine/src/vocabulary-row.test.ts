import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { VocabularyRow } from "./vocabulary-row.ts";

/** Few values, so that many are equal. */
const logitsArbitrary = fc
  .array(fc.oneof(fc.float({ min: -40, max: 0, noNaN: true }), fc.constantFrom(-1, -2, -3)), {
    minLength: 1,
    maxLength: 1100,
  })
  .map((logits) => Float32Array.from(logits));

function rowOf(logits: Float32Array): VocabularyRow {
  const row = new VocabularyRow(logits.length);
  row.logits.set(logits);
  return row;
}

test("largest() and from() agree with passes one by one", () => {
  const property = fc.property(
    logitsArbitrary,
    fc.float({ min: -41, max: 1, noNaN: true }),
    (logits, floor) => {
      const row = rowOf(logits);
      expect(row.largest()).toBe(Math.max(...logits));
      const expected = Array.from(logits.keys()).filter((id) => logits[id]! >= floor);
      expect(Array.from(row.from(floor))).toEqual(expected);
    },
  );
  fc.assert(property);
});

test("a weight is e to the power of its logit", () => {
  const property = fc.property(fc.float({ min: -40, max: 0, noNaN: true }), (logit) => {
    const row = rowOf(Float32Array.of(logit));
    expect(row.weigh(0, Math.LOG2E, -40) / Math.exp(logit)).toBeCloseTo(1, 5);
  });
  fc.assert(property);
  expect(rowOf(new Float32Array(1)).weigh(0, Math.LOG2E, -40)).toBe(1);
  expect(rowOf(Float32Array.of(-3)).weigh(0, Math.LOG2E, -2)).toBe(0);
  expect(rowOf(Float32Array.of(Number.NEGATIVE_INFINITY)).weigh(0, Math.LOG2E, -40)).toBe(0);
});

test("weights are the same bits everywhere", () => {
  const row = rowOf(Float32Array.from({ length: 1000 }, (_, id) => -((id * 7919) % 1000) / 40));
  expect([row.weigh(0, Math.LOG2E, -40), row.at(30), row.weigh(0, 0.7, -10)]).toMatchInlineSnapshot(`
[
  40.502081871032715,
  716,
  82.30056381225586,
]
`);
});

test("weighsMoreFrom() leaves out what has a larger logit, or the same and a smaller id", () => {
  const property = fc.property(logitsArbitrary, fc.nat(), (logits, number) => {
    const row = rowOf(logits);
    row.weigh(0, Math.LOG2E, -40);
    const pivot = number % logits.length;
    const behind = Array.from(logits.keys()).filter(
      (id) => logits[id]! < logits[pivot]! || (logits[id] === logits[pivot] && id >= pivot),
    );
    const weight = behind.reduce((sum, id) => sum + Math.exp(logits[id]!), 0);
    expect(row.weighsMoreFrom(pivot, weight * 0.999)).toBe(true);
    expect(row.weighsMoreFrom(pivot, weight * 1.001)).toBe(false);
  });
  fc.assert(property);
});

test("at() finds every token where its weight begins", () => {
  const logits = Float32Array.from({ length: 700 }, (_, id) => -(id % 3) * Math.LN2);
  const row = rowOf(logits);
  row.weigh(0, Math.LOG2E, -40);
  let begin = 0;
  for (const [id, logit] of logits.entries()) {
    expect(row.at(begin + 1e-4)).toBe(id);
    begin += Math.exp(logit);
  }
});
