import { NEUTRAL_SAMPLING, sequenceId } from "@baton/core";
import { expect, test } from "@jest/globals";
import { createEngine } from "./create-engine.ts";
import type { StepRecord } from "./step-record.ts";
import { fakeInfo } from "./testing/fake-info.ts";
import { submitAndHear } from "./testing/heard-sequence.ts";

test("every step is reported with its time and its batch, once it was executed", async () => {
  const steps: StepRecord[] = [];
  const engine = await createEngine({
    runner: { kind: "fake", info: fakeInfo },
    kvBlocks: 100,
    limits: {
      chunkTokens: 64,
      stepPrefillTokens: 64,
      maxRunning: 8,
      slotTokens: 40_000,
      maxSequences: 8,
      maxModelTokens: fakeInfo.maxModelTokens,
    },
    onStep: (step) => steps.push(step),
  });
  const { ended } = submitAndHear(engine, {
    id: sequenceId("sequence"),
    promptTokenIds: Array.from({ length: 100 }, (_, index) => index % fakeInfo.vocabSize),
    goal: "generate",
    sampling: { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens: 3 },
  });
  await ended;
  await engine.close();
  expect(steps.map(({ prefills, decodes }) => [prefills, decodes])).toEqual([
    [1, 0],
    [1, 0],
    [0, 1],
    [0, 1],
  ]);
  for (const { startedAt, endedAt } of steps) expect(endedAt).toBeGreaterThanOrEqual(startedAt);
});
