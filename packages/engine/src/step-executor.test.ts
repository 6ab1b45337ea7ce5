import { blockId, type Clock, NEUTRAL_SAMPLING, sequenceId } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import type { StepPlan } from "@baton/scheduler";
import { expect, test } from "@jest/globals";
import { ChunkStop } from "./chunk-stop.ts";
import { FakeModelRunner } from "./fake-model-runner.ts";
import { StepExecutor } from "./step-executor.ts";
import { fakeInfo } from "./testing/fake-info.ts";
import { type ComputedPrompt, pagesOf, RunnerBench, TEST_BATCH_TOKENS } from "./testing/runner-bench.ts";

const [ada, bob] = [sequenceId("ada"), sequenceId("bob")];
const nothing: StepPlan = {
  stepId: 1,
  saves: [],
  moves: [],
  loads: [],
  prefills: [],
  pages: 4,
  decodes: [],
};
const greedy = { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens: 9 };

function newBench(): RunnerBench {
  const memory = new KvMemory(fakeInfo.layout, 64);
  return new RunnerBench({ runner: new FakeModelRunner(fakeInfo, memory, TEST_BATCH_TOKENS), memory });
}

function tickingClock(): Clock {
  let now = 0;
  return { now: () => ++now };
}

function executorOf(bench: RunnerBench) {
  const executor = new StepExecutor(bench.runner, tickingClock());
  return (changes: Partial<StepPlan>) => {
    const plan = { ...nothing, ...changes };
    return executor.execute(plan, ChunkStop.allocate(plan.prefills.length));
  };
}

/** Loads a whole sequence into one page. */
function load(page: number, sequence: typeof ada, { blocks, tokenIds }: ComputedPrompt, sampling = greedy) {
  const sample = { sampling, outputIndex: 1 };
  return { sequenceId: sequence, pages: [page], blocks, start: 0, end: tokenIds.length, sample };
}

test("a chunk is sampled where the plan asks for it, and timed", async () => {
  const bench = newBench();
  const chunk = { sequenceId: ada, blocks: bench.allocate(4), promptTokens: 4 };
  const prefills = [
    { ...chunk, start: 0, tokenIds: [1, 2] },
    { ...chunk, start: 2, tokenIds: [3, 4], sample: { sampling: greedy, outputIndex: 0 } },
  ];
  const outcome = await executorOf(bench)({ prefills });
  expect(outcome.prefills).toEqual([
    { startedAt: 1, endedAt: 2 },
    { startedAt: 3, endedAt: 4, token: { tokenId: expect.any(Number) } },
  ]);
  expect(outcome).toMatchObject({ stepId: 1, decodes: [], decodeStartedAt: 5, decodeEndedAt: 5 });
});

test("a chunk that is stopped before its turn is not computed, and the others are", async () => {
  const bench = newBench();
  const executor = new StepExecutor(bench.runner, tickingClock());
  const sample = { sampling: greedy, outputIndex: 0 };
  const prefills = [ada, bob].map((sequence) => {
    const blocks = bench.allocate(2);
    return { sequenceId: sequence, blocks, promptTokens: 2, start: 0, tokenIds: [1, 2], sample };
  });
  const stops = ChunkStop.allocate(2);
  ChunkStop.at(stops, 0).set();
  const outcome = await executor.execute({ ...nothing, prefills }, stops);
  expect(outcome.prefills).toEqual([
    { stopped: true, startedAt: 1, endedAt: 2 },
    { startedAt: 3, endedAt: 4, token: { tokenId: expect.any(Number) } },
  ]);
});

test("moves come before loads, and both before the batch", async () => {
  const bench = newBench();
  const run = executorOf(bench);
  const [first, second] = [await bench.compute([1, 2, 3]), await bench.compute([4, 5])];
  const both = await run({
    loads: [load(0, ada, first), load(1, bob, second)],
    decodes: [
      { sequenceId: ada, tokenId: 7, position: 3, pages: [0] },
      { sequenceId: bob, tokenId: 8, position: 2, pages: [1] },
    ],
  });
  const moved = await run({
    moves: [{ from: 1, to: 0 }],
    loads: [load(1, ada, first)],
    decodes: [
      { sequenceId: bob, tokenId: 9, position: 3, pages: [0] },
      { sequenceId: ada, tokenId: 7, position: 3, pages: [1] },
    ],
  });
  expect(moved.decodes[1]).toEqual(both.decodes[0]);
});

test("a sequence that is loaded in parts joins with the last of them", async () => {
  const bench = newBench();
  const run = executorOf(bench);
  const [first, second] = [await bench.compute([1, 2, 3]), await bench.compute([4, 5])];
  const whole = await run({
    loads: [load(0, ada, first)],
    decodes: [{ sequenceId: ada, tokenId: 7, position: 3, pages: [0] }],
  });
  const { sample, ...all } = load(1, ada, first);
  await run({
    loads: [load(2, bob, second), { ...all, end: 1 }],
    decodes: [{ sequenceId: bob, tokenId: 8, position: 2, pages: [2] }],
  });
  const parts = await run({
    loads: [{ ...all, start: 1, sample }],
    decodes: [{ sequenceId: ada, tokenId: 7, position: 3, pages: [1] }],
  });
  expect(parts.decodes).toEqual(whole.decodes);
});

test("a sequence keeps its parameters, in whichever row it is", async () => {
  const bench = newBench();
  const run = executorOf(bench);
  const prompts = [await bench.compute([1, 2, 3]), await bench.compute([4, 5])];
  const forced = { ...greedy, logitBias: [{ tokenId: 11, bias: 100 }] };
  await run({
    loads: [load(0, ada, prompts[0]!), load(1, bob, prompts[1]!, forced)],
    decodes: [
      { sequenceId: ada, tokenId: 7, position: 3, pages: [0] },
      { sequenceId: bob, tokenId: 8, position: 2, pages: [1] },
    ],
  });
  const alone = await run({ decodes: [{ sequenceId: bob, tokenId: 11, position: 3, pages: [1] }] });
  expect(alone.decodes).toEqual([{ tokenId: 11 }]);
});

test("a sequence that was never loaded is refused", async () => {
  const bench = newBench();
  const { blocks } = await bench.compute([1, 2, 3]);
  bench.load(0, blocks, 3);
  const decodes = [{ sequenceId: ada, tokenId: 7, position: 3, pages: pagesOf(0, 4) }];
  await expect(executorOf(bench)({ pages: 9, decodes })).rejects.toThrow(
    'Cannot decode sequence "ada": it was never loaded',
  );
});

test("logits that are not numbers fail their own entry only", async () => {
  const bench = newBench();
  const healthy = await bench.compute([1, 2, 3]);
  const broken = { ...(await bench.compute([4, 5])), blocks: [blockId(0)] };
  bench.memory.bytes(blockId(0)).fill(0xff);
  const sample = { sampling: greedy, outputIndex: 0 };
  const outcome = await executorOf(bench)({
    loads: [load(0, ada, broken), load(1, bob, healthy)],
    prefills: [
      { sequenceId: ada, blocks: [blockId(0)], start: 1, tokenIds: [1], promptTokens: 2, sample },
      { sequenceId: bob, blocks: healthy.blocks, start: 2, tokenIds: [3], promptTokens: 3, sample },
    ],
    decodes: [
      { sequenceId: ada, tokenId: 7, position: 2, pages: [0] },
      { sequenceId: bob, tokenId: 8, position: 3, pages: [1] },
    ],
  });
  const failure = { failure: expect.stringContaining("is NaN, expected finite numbers") };
  expect(outcome.prefills.map(({ token }) => token)).toEqual([failure, { tokenId: expect.any(Number) }]);
  expect(outcome.decodes).toEqual([failure, { tokenId: expect.any(Number) }]);
});
