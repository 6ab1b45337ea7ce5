import { blockId, type Clock, sequenceId } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import type { StepPlan } from "@baton/scheduler";
import { expect, test } from "@jest/globals";
import { FakeModelRunner } from "./fake-model-runner.ts";
import { executeStep } from "./step-executor.ts";
import { fakeInfo } from "./testing/fake-info.ts";
import { RunnerBench } from "./testing/runner-bench.ts";

const [ada, bob] = [sequenceId("ada"), sequenceId("bob")];
const nothing: StepPlan = { stepId: 1, moves: [], admissions: [], prefills: [], decodes: [] };

function greedy(outputIndex: number) {
  return { sampling: { temperature: 0, topP: 1, seed: 0n, maxTokens: 9, stopTokenIds: [] }, outputIndex };
}

function newBench(): RunnerBench {
  const memory = new KvMemory(fakeInfo.layout, 64);
  return new RunnerBench({ runner: new FakeModelRunner(fakeInfo, memory), memory });
}

function tickingClock(): Clock {
  let now = 0;
  return { now: () => ++now };
}

test("a chunk is sampled where the plan asks for it, and timed", async () => {
  const bench = newBench();
  const chunk = { sequenceId: ada, blocks: bench.allocate(4), promptTokens: 4 };
  const prefills = [
    { ...chunk, start: 0, tokenIds: [1, 2] },
    { ...chunk, start: 2, tokenIds: [3, 4], sample: greedy(0) },
  ];
  const outcome = await executeStep(bench.runner, { ...nothing, prefills }, tickingClock());
  expect(outcome.prefills).toEqual([
    { startedAt: 1, endedAt: 2 },
    { startedAt: 3, endedAt: 4, tokenId: expect.any(Number) },
  ]);
  expect(outcome).toMatchObject({ stepId: 1, decodes: [], decodeStartedAt: 5, decodeEndedAt: 5 });
});

test("moves come before admissions, and both before the batch", async () => {
  const bench = newBench();
  const run = (plan: Partial<StepPlan>) => executeStep(bench.runner, { ...nothing, ...plan }, tickingClock());
  const [first, second] = [await bench.compute([1, 2, 3]), await bench.compute([4, 5])];
  const admit = (slot: number, sequence: typeof ada, { blocks, tokenIds }: typeof first) => ({
    sequenceId: sequence,
    slot,
    blocks,
    tokenCount: tokenIds.length,
  });
  const entry = (sequence: typeof ada, tokenId: number, position: number) => ({
    sequenceId: sequence,
    tokenId,
    position,
    sample: greedy(1),
  });
  const both = await run({
    admissions: [admit(0, ada, first), admit(1, bob, second)],
    decodes: [entry(ada, 7, 3), entry(bob, 8, 2)],
  });
  const swapped = await run({
    moves: [{ from: 1, to: 0 }],
    admissions: [admit(1, ada, first)],
    decodes: [entry(bob, 9, 3), entry(ada, 7, 3)],
  });
  expect(swapped.decodes[1]).toBe(both.decodes[0]);
});

test("a move out of the batch is refused", async () => {
  const plan = { ...nothing, moves: [{ from: 3, to: 2 }] };
  await expect(executeStep(newBench().runner, plan, tickingClock())).rejects.toThrow(
    'Cannot move slot "3": target 2 is outside a batch of 0',
  );
});

test("logits that are not numbers fail the step", async () => {
  const bench = newBench();
  bench.memory.bytes(blockId(0)).fill(0xff);
  const chunk = { sequenceId: ada, blocks: [blockId(0)], start: 1, tokenIds: [1], promptTokens: 2 };
  const plan = { ...nothing, prefills: [{ ...chunk, sample: greedy(0) }] };
  await expect(executeStep(bench.runner, plan, tickingClock())).rejects.toThrow(
    "is NaN, expected finite numbers",
  );
});
