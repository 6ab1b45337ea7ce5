import { expect, test } from "@jest/globals";
import { silentLogger } from "./logger.ts";
import { RateLimitedWarning } from "./rate-limited-warning.ts";

test("RateLimitedWarning warns once a second and counts what it left out", () => {
  let now = 0;
  const warnings: object[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => warnings.push(fields) };
  const warning = new RateLimitedWarning(logger, { now: () => now });
  for (const at of [0, 1, 999, 1000, 1001]) {
    now = at;
    warning.warn({ at }, "Bad peer");
  }
  expect(warnings).toEqual([
    { at: 0, omitted: 0 },
    { at: 1000, omitted: 2 },
  ]);
});
