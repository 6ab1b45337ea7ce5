import { expect, test } from "@jest/globals";
import { systemClock } from "./clock.ts";

test("systemClock agrees with the wall clock and never goes back", () => {
  let last = systemClock.now();
  for (let i = 0; i < 1000; i++) {
    const before = Date.now();
    const now = systemClock.now();
    const after = Date.now() + 1;
    expect(now).toBeGreaterThanOrEqual(last);
    expect(now).toBeGreaterThanOrEqual(before - 1);
    expect(now).toBeLessThanOrEqual(after + 1);
    last = now;
  }
});
