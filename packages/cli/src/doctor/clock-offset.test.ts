import { expect, test } from "@jest/globals";
import { sampleClock } from "./clock-offset.ts";

test("the offset is taken from the quickest of several answers, at its midpoint", async () => {
  let now = 1000;
  const waits = [40, 4, 20];
  const ask = async () => {
    const wait = waits.shift()!;
    now += wait / 4; // Both ways are not equally long.
    const theirs = now + 500;
    now += (wait * 3) / 4;
    return theirs;
  };
  expect(await sampleClock(3, ask, { now: () => now })).toEqual({ offsetMs: 499, uncertaintyMs: 2 });
});
