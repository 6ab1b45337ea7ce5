import { rootSpan, span } from "@baton/trace-store/testing";
import { ATTR, SPAN } from "@baton/tracing";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { firstTokenOf } from "./first-token.ts";

let ids = 0;
const stage = (name: string, startMs: number, endMs: number) =>
  span({ spanId: `${ids++}`, parentSpanId: "root", name, startMs, endMs });
const inMs = (result: ReturnType<typeof firstTokenOf>) =>
  result && Object.fromEntries(result.shares.map(({ label, ns }) => [label, Number(ns) / 1e6]));

const stages = [
  stage(SPAN.tokenize, 0, 2),
  stage(SPAN.prefillRouting, 2, 3),
  stage(SPAN.prefillBootstrap, 4, 10),
  stage(SPAN.prefillWaiting, 4, 6),
  stage(SPAN.prefillForward, 6, 20),
  stage(SPAN.prefillTransfer, 12, 25),
  stage(SPAN.decodeTransferred, 5, 24),
  stage(SPAN.decodeForward, 26, 60),
];

describe("firstTokenOf", () => {
  test("counts every moment once, for the first stage in the list that goes on", () => {
    const attributes = { [ATTR.timeToFirstToken]: 0.03 };
    const result = firstTokenOf([rootSpan("r1", { endMs: 70, attributes }), ...stages]);
    expect(result?.totalNs).toBe(30_000_000n);
    expect(inMs(result)).toEqual({
      tokenize: 2,
      routing: 1,
      "prefill waiting": 2,
      "prefill forward": 14,
      transfer: 5,
      "first token": 4,
      "between the stages": 2,
    });
  });

  test("takes the start of decoding where the router gives no figure", () => {
    expect(firstTokenOf([rootSpan("r1", { endMs: 70 }), ...stages])?.totalNs).toBe(26_000_000n);
  });

  test("has nothing to say about a request without a token, or without a root", () => {
    expect(firstTokenOf([rootSpan("r1"), stage(SPAN.tokenize, 0, 1)])).toBeUndefined();
    expect(firstTokenOf(stages)).toBeUndefined();
  });

  test("gives shares that sum to the total, whatever overlaps", () => {
    const any = fc.tuple(fc.constantFrom(...Object.values(SPAN)), fc.nat(100), fc.nat(100));
    fc.assert(
      fc.property(fc.array(any), fc.integer({ min: 1, max: 200 }), (list, ms) => {
        const spans = list.map(([name, start, length]) => stage(name, start, start + length));
        const attributes = { [ATTR.timeToFirstToken]: ms / 1000 };
        const result = firstTokenOf([rootSpan("r1", { attributes }), ...spans]);
        expect(result!.shares.reduce((sum, { ns }) => sum + ns, 0n)).toBe(result!.totalNs);
      }),
    );
  });
});
