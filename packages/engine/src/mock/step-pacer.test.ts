import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { StepPacer } from "./step-pacer.ts";

const durations = fc.array(fc.double({ min: 0.001, max: 30, noNaN: true }), { minLength: 1, maxLength: 200 });

/** Plays steps with a timer that is late by `lateMs`; returns when each step ended. */
function play(steps: readonly number[], lateMs: number): number[] {
  const pacer = new StepPacer();
  let now = 0;
  return steps.map((duration) => {
    const sleep = pacer.sleepMs(duration);
    const elapsed = sleep === 0 ? 0 : sleep + lateMs;
    pacer.took(duration, elapsed);
    now += elapsed;
    return now;
  });
}

test("steps that follow one another add up: never 1 ms early, never later than one ring of the timer", () => {
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 5, noNaN: true }), (steps, late) => {
      let due = 0;
      for (const [i, end] of play(steps, late).entries()) {
        due += steps[i]!;
        expect(end - due).toBeGreaterThan(-1 - 1e-9);
        expect(end - due).toBeLessThanOrEqual(late + 1e-9);
      }
    }),
  );
});

test("steps of a fraction of a millisecond sleep only when whole ones have come together", () => {
  const ends = play(Array(100).fill(0.25), 0);
  expect(new Set(ends).size).toBe(26);
  expect(ends.at(-1)).toBe(25);
});

test("a pause of the process is made up for only in part", () => {
  const pacer = new StepPacer();
  pacer.took(10, 5000);
  expect(pacer.sleepMs(60)).toBe(0);
  pacer.took(60, 0);
  expect(pacer.sleepMs(60)).toBe(20);
});
