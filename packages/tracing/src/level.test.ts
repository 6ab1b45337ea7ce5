import { expect, test } from "@jest/globals";
import { eventLevel, isTraceLevel, stageLevel } from "./level.ts";
import { EVENT, SPAN } from "./names.ts";

test("every stage is of level 2 or 3, and an unknown one counts as detail", () => {
  const levels = Object.values(SPAN).map((name) => [name, stageLevel(name)]);
  expect(levels.filter(([, level]) => level === 3).map(([name]) => name)).toEqual([
    SPAN.kvFindBestMatch,
    SPAN.chunkedPrefill,
    SPAN.kvSend,
    SPAN.kvRecv,
    SPAN.decodeLoop,
  ]);
  expect(levels.filter(([, level]) => level === 1)).toEqual([]);
  expect(stageLevel("toString")).toBe(3);
});

test("an event is recorded wherever its span is, unless it is a detail", () => {
  const details = Object.values(EVENT).filter((name) => eventLevel(name) > 1);
  expect(details).toEqual([EVENT.candidate, EVENT.tokens]);
});

test("levels are the whole numbers from 0 to 3", () => {
  expect([0, 1, 2, 3].every(isTraceLevel)).toBe(true);
  expect([-1, 4, 1.5, "1", null, Number.NaN].some(isTraceLevel)).toBe(false);
});
