import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { TokenBucket } from "./token-bucket.ts";

const MINUTE_MS = 60_000;
const rate = fc.integer({ min: 1, max: 100_000 });
const pauses = fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 200 });

describe("TokenBucket", () => {
  test("gives one minute's worth at once, then says when the next is there", () => {
    const bucket = new TokenBucket(60, 0);
    for (let i = 0; i < 60; i++) {
      expect(bucket.waitMs(0)).toBe(0);
      bucket.take(1, 0);
    }
    expect(bucket.waitMs(0)).toBe(1000);
    expect(bucket.waitMs(400)).toBe(600);
    expect(bucket.waitMs(1000)).toBe(0);
  });

  test("never lets more through than a full bucket and what flowed in since (B1)", () => {
    fc.assert(
      fc.property(rate, pauses, (perMinute, gaps) => {
        const bucket = new TokenBucket(perMinute, 0);
        const takenAt: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          if (bucket.waitMs(now) > 0) continue;
          bucket.take(1, now);
          takenAt.push(now);
        }
        for (const [first, from] of takenAt.entries()) {
          for (const [last, to] of takenAt.entries()) {
            if (last < first) continue;
            expect(last - first + 1).toBeLessThanOrEqual(perMinute * (1 + (to - from) / MINUTE_MS) + 1e-6);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  test("is right about how long to wait: then one is there, and a millisecond earlier none was", () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 1, max: 1_000_000 }), fc.nat(100_000), (perMinute, used, now) => {
        const bucket = new TokenBucket(perMinute, 0);
        bucket.take(used, now);
        const wait = bucket.waitMs(now);
        fc.pre(wait > 1);
        expect(bucket.waitMs(now + wait - 2)).toBeGreaterThan(0);
        expect(bucket.waitMs(now + wait + 1)).toBe(0);
      }),
    );
  });

  test("makes whoever used more than there was wait until the debt is paid (B2)", () => {
    const bucket = new TokenBucket(60, 0);
    bucket.take(180, 0);
    expect(bucket.waitMs(0)).toBe(121_000);
    expect(bucket.waitMs(121_000)).toBe(0);
  });

  test("fills nothing while the clock goes back, and never above its size", () => {
    const bucket = new TokenBucket(60, 1000);
    bucket.take(60, 1000);
    expect(bucket.waitMs(0)).toBe(1000);
    bucket.take(0, 0);
    expect(bucket.waitMs(1000)).toBe(1000);
    bucket.take(60, 1_000_000);
    expect(bucket.waitMs(1_000_000)).toBe(1000);
  });
});
