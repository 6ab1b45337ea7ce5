import { expect, test } from "@jest/globals";
import { isTraceLevel, stageLevel } from "./level.ts";
import { SPAN } from "./names.ts";

test("every stage has a level, the parts of a process the lowest, and an unknown one counts as detail", () => {
  const levels = Object.values(SPAN).map((name) => [name, stageLevel(name)]);
  expect(levels.filter(([, level]) => level === 1)).toEqual([
    [SPAN.prefill, 1],
    [SPAN.decode, 1],
  ]);
  expect(levels.filter(([, level]) => level === 3).map(([name]) => name)).toEqual([
    SPAN.kvFindBestMatch,
    SPAN.chunkedPrefill,
    SPAN.kvSend,
    SPAN.kvRecv,
  ]);
  expect(stageLevel("toString")).toBe(3);
});

test("levels are the whole numbers from 0 to 3", () => {
  expect([0, 1, 2, 3].every(isTraceLevel)).toBe(true);
  expect([-1, 4, 1.5, "1", null, Number.NaN].some(isTraceLevel)).toBe(false);
});
