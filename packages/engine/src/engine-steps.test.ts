import { NEUTRAL_SAMPLING, sequenceId } from "@baton/core";
import { expect, test } from "@jest/globals";
import { createEngine } from "./create-engine.ts";
import type { StepRecord } from "./step-record.ts";
import { fakeInfo } from "./testing/fake-info.ts";
import { submitAndHear } from "./testing/heard-sequence.ts";

function prompt(id: string, tokens: number) {
  return {
    id: sequenceId(id),
    promptTokenIds: Array.from({ length: tokens }, (_, index) => (index * 7) % fakeInfo.vocabSize),
    goal: "prefill" as const,
    sampling: { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens: 1 },
  };
}

function startEngine(chunkTokens: number, steps: StepRecord[]) {
  return createEngine({
    runner: { kind: "fake", info: fakeInfo },
    kvBlocks: 2000,
    limits: {
      chunkTokens,
      stepPrefillTokens: chunkTokens,
      maxRunning: 8,
      batchTokens: 40_000,
      maxSequences: 16,
      maxModelTokens: fakeInfo.maxModelTokens,
    },
    onStep: (step) => steps.push(step),
  });
}

test("ten long prompts that are canceled cost the next prompt no more than the step in flight", async () => {
  const steps: StepRecord[] = [];
  const engine = await startEngine(64, steps);
  const long = Array.from({ length: 10 }, (_, index) => submitAndHear(engine, prompt(`long-${index}`, 3000)));
  await long[0]!.until("prefill-chunk");
  for (const { handle } of long) handle.cancel();
  const before = steps.length;
  const next = submitAndHear(engine, prompt("next", 10));
  await next.ended;
  next.handle.release();
  await engine.close();
  const served = steps.slice(before).map(({ plan }) => plan.prefills.map((chunk) => chunk.sequenceId));
  expect(served.length).toBeLessThanOrEqual(2);
  expect(served.at(-1)).toEqual(["next"]);
  expect(engine.status().blocks.used).toBe(0);
});

test("the chunk of a prompt that is canceled is left half-way", async () => {
  const steps: StepRecord[] = [];
  const engine = await startEngine(512, steps);
  const isStopped = () => steps.some(({ outcome }) => outcome.prefills.some(({ stopped }) => stopped));
  // The thread may have computed the chunk by the time that it is canceled.
  for (let turn = 0; turn < 1000 && !isStopped(); turn++) {
    const { handle, until } = submitAndHear(engine, prompt(`turn-${turn}`, 512));
    await until("prefill-start");
    handle.cancel();
    const next = submitAndHear(engine, prompt(`next-${turn}`, 2));
    await next.ended;
    next.handle.release();
  }
  expect(isStopped()).toBe(true);
  await engine.close();
  expect(engine.status().blocks.used).toBe(0);
});

test("every step is reported with its time and its batch, once it was executed", async () => {
  const steps: StepRecord[] = [];
  const engine = await startEngine(64, steps);
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
