/** Must hold: no request hangs and no answer is wrong, whatever happens to the workers; `npm run bench -- chaos` is the long run. */
import { expect, test } from "@jest/globals";
import { runChaos } from "./chaos/run-chaos.ts";

test("workers that are killed, frozen, drained, added and cut off cost errors at most, and nothing is left", async () => {
  const report = await runChaos({
    requests: 400,
    seed: 5,
    concurrency: 16,
    workersPerRole: 2,
    faultEveryMs: 700,
    longestFaultMs: 1500,
    timeoutMs: 15_000,
  });
  expect(report).toMatchObject({ wrong: [], failures: [], leftBehind: [] });
  expect(report.requests).toBeGreaterThanOrEqual(400);
  expect(Math.min(...Object.values(report.faults))).toBeGreaterThan(0);
  expect(report.successes).toBeGreaterThan(200);
}, 120_000);
