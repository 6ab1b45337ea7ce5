import { describe, expect, test } from "@jest/globals";
import { QualityMeter } from "./quality-figures.ts";

function figuresOf(...positions: (readonly [reference: number[], tested: number[], next: number])[]) {
  const meter = new QualityMeter();
  for (const [reference, tested, next] of positions) {
    meter.add(Float32Array.from(reference, Math.log), Float32Array.from(tested, Math.log), next);
  }
  return meter.figures();
}

describe("The quality of predictions", () => {
  test("has the perplexity of a die for a model that knows nothing", () => {
    const die = [1, 1, 1, 1, 1, 1];
    const figures = figuresOf([die, die, 0], [die, die, 5]);
    expect(figures.perplexity).toBeCloseTo(6, 10);
    expect(figures).toMatchObject({ divergence: 0, agreement: 1, positions: 2 });
  });

  test("is the divergence and the agreement of both predictions, averaged", () => {
    const figures = figuresOf([[0.5, 0.5], [0.25, 0.75], 1], [[0.1, 0.9], [0.1, 0.9], 1]);
    expect(figures.divergence).toBeCloseTo((0.5 * Math.log(2) + 0.5 * Math.log(0.5 / 0.75)) / 2, 6);
    expect(figures.agreement).toBe(0.5);
    expect(figures.perplexity).toBeCloseTo(1 / Math.sqrt(0.75 * 0.9), 6);
  });

  test("does not depend on the logits' offset, however large they are", () => {
    const meter = new QualityMeter();
    meter.add(Float32Array.of(1000, 1001), Float32Array.of(-1001, -1000), 0);
    const { divergence, perplexity } = meter.figures();
    expect(divergence).toBeCloseTo(0, 10);
    expect(perplexity).toBeCloseTo(1 + Math.E, 5);
  });
});
