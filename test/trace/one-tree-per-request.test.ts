/**
 * Must hold: every request, the failing ones too, exports exactly one connected trace, checked on what a real OTLP
 * receiver got from real processes. What can happen to a request is in `matrix/`.
 */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { GROUPS } from "./matrix/groups.ts";
import { TracedRun } from "./matrix/traced-run.ts";

describe.each(GROUPS)("$name", ({ cluster, scenarios }) => {
  let traced: TracedRun;

  beforeAll(async () => {
    traced = await TracedRun.start(cluster);
  }, 60_000);

  afterAll(() => traced?.stop());

  test.each(scenarios)("$name", async ({ run }) => {
    await run(traced);
    await traced.atRest();
  });

  test("after all of this no process has used its traces wrongly", async () => {
    expect(await traced.defects()).toBe(0);
  });

  test("after all of this every trace received belongs to one request and keeps the contract", async () => {
    await traced.endAndCheckAll();
  });
});
