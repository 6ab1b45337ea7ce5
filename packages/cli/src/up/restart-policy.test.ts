import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { nextRestart } from "./restart-policy.ts";

describe("nextRestart", () => {
  test("doubles the delay from half a second to ten seconds", () => {
    let failures = 0;
    const delays = Array.from({ length: 7 }, () => {
      const restart = nextRestart(failures, 0, 0);
      failures = restart.failures;
      return restart.delayMs;
    });
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  test("starts over after a life of thirty seconds", () => {
    expect(nextRestart(6, 30_000, 0)).toEqual({ failures: 1, delayMs: 500 });
    expect(nextRestart(6, 29_999, 0)).toEqual({ failures: 7, delayMs: 10_000 });
  });

  test("adds up to a fifth by chance, and never passes ten seconds", () => {
    expect(nextRestart(0, 0, 0.5).delayMs).toBe(550);
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.nat(100_000),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (...args) => {
          const { delayMs } = nextRestart(...args);
          expect(delayMs).toBeGreaterThanOrEqual(500);
          expect(delayMs).toBeLessThanOrEqual(10_000);
        },
      ),
    );
  });
});
