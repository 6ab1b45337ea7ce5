/** Must hold: a mixed run with failures injected is as many connected trees; `npm run bench -- traces` is the long one. */
import { expect, test } from "@jest/globals";
import { runSoak } from "./soak/run-soak.ts";

const REQUESTS = 300;

test("a mixed run with two kills leaves one connected tree per request, and drops no span uncounted", async () => {
  const report = await runSoak({ requests: REQUESTS, roundSize: 150, seed: 7 });
  expect(report).toMatchObject({
    wrong: [],
    requests: REQUESTS,
    arrived: REQUESTS - report.neverArrived,
    trees: report.arrived,
    orphans: 0,
    dropped: 0,
    defects: 0,
    kills: 2,
  });
}, 120_000);
