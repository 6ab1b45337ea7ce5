import { type BlockId, type FinishReason, NEUTRAL_SAMPLING, type SequenceId, sequenceId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { createScheduler } from "./scheduler.ts";
import type { SchedulerApi, SchedulerLimits } from "./scheduler-api.ts";
import type { SequenceEvent } from "./sequence-event.ts";
import type { SequenceSpec } from "./sequence-spec.ts";
import type { StepOutcome, StepPlan } from "./step-plan.ts";

const STOP = 99;
const LIMITS: SchedulerLimits = {
  chunkTokens: 4,
  stepPrefillTokens: 8,
  maxRunning: 2,
  batchTokens: 1000,
  pageTokens: 8,
  loadTokens: 100,
  maxSequences: 8,
  maxModelTokens: 64,
};

function create(limits: Partial<SchedulerLimits> = {}, blocks = 16): SchedulerApi {
  return createScheduler({ ...LIMITS, ...limits }, { blocks, blockSize: 4 });
}

/** A prompt of `length` tokens that begins like no other. */
function prompt(length: number, first = 0): number[] {
  return Array.from({ length }, (_, i) => (i === 0 ? 100 + first : i));
}

function spec(
  id: string,
  goal: SequenceSpec["goal"],
  promptTokenIds: readonly number[],
  maxTokens = 5,
): SequenceSpec {
  const sampling = { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens, stopTokenIds: [STOP] };
  return { id: sequenceId(id), promptTokenIds, sampling, goal };
}

const id = (value: string): SequenceId => sequenceId(value);
const blockCount = (scheduler: SchedulerApi) => scheduler.status().blocks;

/** The outcome of a plan in which every sampled token is `token`. */
function outcomeOf(plan: StepPlan, token = 1): StepOutcome {
  return {
    stepId: plan.stepId,
    prefills: plan.prefills.map(({ sample }) => ({
      startedAt: 10,
      endedAt: 20,
      ...(sample === undefined ? {} : { token: { tokenId: token } }),
    })),
    decodes: plan.decodes.map(() => ({ tokenId: token })),
    decodeStartedAt: 20,
    decodeEndedAt: 30,
    graphMs: 8,
  };
}

/** The outcome of a plan of which every chunk was left half-way. */
function stoppedOutcome(plan: StepPlan): StepOutcome {
  const prefills = plan.prefills.map(() => ({ stopped: true, startedAt: 10, endedAt: 12 }) as const);
  return { ...outcomeOf(plan), prefills };
}

/** One whole step: its plan and all its events. */
function step(scheduler: SchedulerApi, token = 1): { plan: StepPlan; events: readonly SequenceEvent[] } {
  const { plan, events } = scheduler.schedule()!;
  return { plan, events: [...events, ...scheduler.commit(outcomeOf(plan, token))] };
}

function token(sequence: string, index: number, tokenId = 1): SequenceEvent {
  return { type: "token", sequenceId: id(sequence), tokenId, index };
}

function finished(sequence: string, reason: FinishReason): SequenceEvent {
  return { type: "finished", sequenceId: id(sequence), reason };
}

function chunk(sequence: string, start: number, count: number): SequenceEvent {
  return { type: "prefill-chunk", sequenceId: id(sequence), start, count, startedAt: 10, endedAt: 20 };
}

function prefillStart(sequence: string, cachedTokens = 0): SequenceEvent {
  return { type: "prefill-start", sequenceId: id(sequence), cachedTokens };
}

/** Chunks of a plan as `id start+count`. */
function chunksOf(plan: StepPlan): string[] {
  return plan.prefills.map((entry) => `${entry.sequenceId} ${entry.start}+${entry.tokenIds.length}`);
}

/** Takes a sequence of goal `decode` to `ready`. */
function receive(scheduler: SchedulerApi, sequence: SequenceSpec, firstToken = 1): readonly SequenceEvent[] {
  scheduler.add(sequence);
  scheduler.reserve(sequence.id, () => {});
  return scheduler.ready(sequence.id, { tokenId: firstToken });
}

describe("createScheduler", () => {
  test.each([0, -1, 1.5, Number.NaN])("refuses a limit of %p", (value) => {
    expect(() => create({ chunkTokens: value })).toThrow(
      `Cannot create a scheduler: chunkTokens is ${value}, expected a whole number of at least 1`,
    );
  });

  test("has nothing to do at first", () => {
    const scheduler = create();
    expect(scheduler.schedule()).toBeUndefined();
    expect(scheduler.status()).toEqual({
      waiting: 0,
      waitingTokens: 0,
      prefilling: 0,
      holding: 0,
      receiving: 0,
      ready: 0,
      running: 0,
      retractions: 0,
      blocks: { total: 16, free: 16, cached: 0, used: 0 },
      prefixCache: { hitTokens: 0, missTokens: 0 },
    });
  });
});

describe("add", () => {
  test.each([
    ["an empty prompt", spec("a", "prefill", []), "its prompt is empty, expected at least 1 token"],
    ["no answer", spec("a", "prefill", [1], 0), "maxTokens is 0, expected at least 1"],
    ["NaN tokens", spec("a", "prefill", [1], Number.NaN), "maxTokens is NaN, expected at least 1"],
    [
      "too long an answer",
      spec("a", "decode", prompt(60), 5),
      "prompt and answer are 60 + 5 tokens, expected at most 64",
    ],
    [
      "a prompt beyond the pool",
      spec("a", "prefill", prompt(17)),
      "its prompt may need 5 blocks, expected at most 4",
    ],
    [
      "an answer beyond the pool: it may have to be computed again",
      spec("a", "decode", prompt(13), 5),
      "its tokens may need 5 blocks, expected at most 4",
    ],
  ])("refuses %s as invalid", (_, sequence, message) => {
    const scheduler = create({}, 4);
    expect(() => scheduler.add(sequence)).toThrow(message);
    expect(() => scheduler.add(sequence)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(scheduler.status().waiting).toBe(0);
  });

  test("refuses what decode memory could not hold, unless it is not decoded here", () => {
    const scheduler = create({ batchTokens: 20, pageTokens: 8 });
    expect(() => scheduler.add(spec("a", "generate", prompt(12), 5))).toThrow(
      "it may need 3 pages of decode memory, expected at most 2",
    );
    expect(() => scheduler.add(spec("a", "generate", prompt(11), 5))).not.toThrow();
    expect(() => scheduler.add(spec("b", "prefill", prompt(30), 5))).not.toThrow();
  });

  test("accepts a prompt and answer that reach the limit exactly", () => {
    expect(() => create().add(spec("a", "decode", prompt(60), 4))).not.toThrow();
  });

  test("refuses one sequence too many as overloaded, and takes it once another ended", () => {
    const scheduler = create({ maxSequences: 1 });
    scheduler.add(spec("a", "decode", [1]));
    expect(() => scheduler.add(spec("b", "decode", [1]))).toThrow(
      expect.objectContaining({
        code: "overloaded",
        message: 'Cannot accept sequence "b": 1 are accepted already',
      }),
    );
    scheduler.cancel(id("a"));
    expect(() => scheduler.add(spec("b", "decode", [1]))).not.toThrow();
  });

  test("refuses an id in use", () => {
    const scheduler = create();
    scheduler.add(spec("a", "decode", [1]));
    expect(() => scheduler.add(spec("a", "decode", [1]))).toThrow("the id is in use, expected a new one");
  });
});

describe("prefill", () => {
  test("computes a prompt in chunks, samples with the last one, and holds the blocks until release", () => {
    const scheduler = create();
    scheduler.add(spec("a", "prefill", prompt(10)));
    expect(step(scheduler).events).toEqual([prefillStart("a"), chunk("a", 0, 4)]);
    expect(step(scheduler).events).toEqual([chunk("a", 4, 4)]);
    expect(step(scheduler).events).toEqual([chunk("a", 8, 2), token("a", 0), finished("a", "length")]);
    expect(scheduler.schedule()).toBeUndefined();
    expect(scheduler.status()).toMatchObject({ holding: 1, blocks: { used: 3 } });
    expect(scheduler.blocksOf(id("a"))).toHaveLength(3);
    scheduler.release(id("a"));
    scheduler.release(id("a"));
    expect(scheduler.status()).toMatchObject({ holding: 0, blocks: { used: 0, cached: 2, free: 14 } });
  });

  test.each([
    [1, ["a 0+1"]],
    [3, ["a 0+3"]],
    [4, ["a 0+4"]],
    [5, ["a 0+4", "a 4+1"]],
    [8, ["a 0+4", "a 4+4"]],
    [9, ["a 0+4", "a 4+4", "a 8+1"]],
  ])("a prompt of %p tokens is covered by exactly the chunks it needs", (length, expected) => {
    const scheduler = create();
    scheduler.add(spec("a", "prefill", prompt(length)));
    const plans: StepPlan[] = [];
    while (scheduler.status().holding === 0) plans.push(step(scheduler).plan);
    expect(plans.flatMap(chunksOf)).toEqual(expected);
    expect(plans.flatMap(({ prefills }) => prefills.map(({ sample }) => sample !== undefined))).toEqual(
      expected.map((_, i) => i === expected.length - 1),
    );
    expect(scheduler.blocksOf(id("a"))).toHaveLength(Math.ceil(length / 4));
  });

  test("reports its token even if it is a stop token, for the other side to judge", () => {
    const scheduler = create();
    scheduler.add(spec("a", "prefill", [1]));
    expect(step(scheduler, STOP).events.slice(-2)).toEqual([token("a", 0, STOP), finished("a", "length")]);
  });

  test("fills a step with chunks of several prompts, within its budget", () => {
    const scheduler = create();
    for (const [i, name] of ["a", "b", "c"].entries()) scheduler.add(spec(name, "prefill", prompt(3, i)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 0+3", "b 0+3"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["c 0+3"]);
  });

  test("cuts chunks to the budget of a step where that is smaller", () => {
    const scheduler = create({ stepPrefillTokens: 3 });
    scheduler.add(spec("a", "prefill", prompt(4)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 0+3"]);
  });

  test("a short prompt waits for no long one that came before it", () => {
    const scheduler = create({ stepPrefillTokens: 4 });
    for (const [i, name] of ["a", "b", "c"].entries()) scheduler.add(spec(name, "prefill", prompt(16, i)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 0+4"]);
    scheduler.add(spec("short", "prefill", prompt(2, 9)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["short 0+2"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["b 0+4"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["c 0+4"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 4+4"]);
  });

  test("the last chunk of a long prompt goes first, too", () => {
    const scheduler = create({ stepPrefillTokens: 4 });
    for (const [i, name] of ["a", "b", "c"].entries()) {
      scheduler.add(spec(name, "prefill", prompt(i === 0 ? 7 : 16, i)));
    }
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 0+4"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 4+3"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["b 0+4"]);
  });

  test("short prompts share the step in which they go first", () => {
    const scheduler = create({ stepPrefillTokens: 4 });
    scheduler.add(spec("long", "prefill", prompt(40)));
    for (const [i, name] of ["a", "b", "c"].entries()) scheduler.add(spec(name, "prefill", prompt(2, i + 1)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 0+2", "b 0+2"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["long 0+4"]);
    expect(chunksOf(step(scheduler).plan)).toEqual(["c 0+2"]);
  });

  test("a long prompt keeps its turns while short ones keep coming", () => {
    const scheduler = create({ stepPrefillTokens: 4 });
    scheduler.add(spec("long", "prefill", prompt(12)));
    const order: string[] = [];
    for (let i = 0; i < 6; i++) {
      scheduler.add(spec(`short${i}`, "prefill", prompt(4, i + 1)));
      order.push(...chunksOf(step(scheduler).plan));
    }
    expect(order).toEqual(["short0 0+4", "long 0+4", "short1 0+4", "short2 0+4", "long 4+4", "short3 0+4"]);
  });
});

describe("prefix cache", () => {
  /** Computes a prompt and releases it, so that its full blocks are cached. */
  function warm(scheduler: SchedulerApi, promptTokenIds: readonly number[]): void {
    scheduler.add(spec("warm", "prefill", promptTokenIds));
    while (scheduler.status().holding === 0) step(scheduler);
    scheduler.release(id("warm"));
  }

  test("a prompt that begins like an earlier one computes only the rest", () => {
    const scheduler = create();
    warm(scheduler, prompt(9));
    scheduler.add(spec("a", "prefill", [...prompt(8), 7, 7, 7]));
    const { plan, events } = step(scheduler);
    expect(chunksOf(plan)).toEqual(["a 8+3"]);
    expect(events.slice(0, 2)).toEqual([prefillStart("a", 8), chunk("a", 8, 3)]);
    expect(scheduler.status().prefixCache).toEqual({ hitTokens: 8, missTokens: 9 + 3 });
  });

  test("a repeated prompt that ends on a block boundary computes its last block again", () => {
    const scheduler = create();
    warm(scheduler, prompt(8));
    expect(blockCount(scheduler)).toMatchObject({ cached: 2 });
    scheduler.add(spec("a", "prefill", prompt(8)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["a 4+4"]);
    scheduler.release(id("a"));
    expect(blockCount(scheduler)).toMatchObject({ cached: 2, used: 0 });
  });

  test("what a cancelled prompt has computed serves the next try", () => {
    const scheduler = create();
    scheduler.add(spec("a", "prefill", prompt(12)));
    step(scheduler);
    scheduler.cancel(id("a"));
    scheduler.add(spec("b", "prefill", prompt(12)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["b 4+4"]);
  });

  test("of a chunk that was stopped nothing can be found, and what was computed before it can", () => {
    const scheduler = create();
    scheduler.add(spec("a", "prefill", prompt(12)));
    step(scheduler);
    const { plan } = scheduler.schedule()!;
    scheduler.cancel(id("a"));
    expect(scheduler.commit(stoppedOutcome(plan))).toEqual([]);
    expect(blockCount(scheduler)).toMatchObject({ cached: 1, used: 0 });
    scheduler.add(spec("b", "prefill", prompt(12)));
    expect(chunksOf(step(scheduler).plan)).toEqual(["b 4+4"]);
  });

  test("a chunk of a sequence that goes on must not be stopped", () => {
    const scheduler = create();
    scheduler.add(spec("a", "prefill", prompt(6)));
    const { plan } = scheduler.schedule()!;
    expect(() => scheduler.commit(stoppedOutcome(plan))).toThrow(
      'Cannot go on with sequence "a": its chunk was stopped',
    );
  });

  test("goal decode shares nothing, because its blocks are written from the start, but leaves its prompt cached", () => {
    const scheduler = create();
    warm(scheduler, prompt(8));
    receive(scheduler, spec("a", "decode", prompt(8)));
    expect(blockCount(scheduler)).toMatchObject({ cached: 2, used: 2 });
    step(scheduler);
    expect(blockCount(scheduler)).toMatchObject({ cached: 2, used: 0 });
    receive(scheduler, spec("b", "decode", prompt(8, 1)));
    step(scheduler);
    expect(blockCount(scheduler)).toMatchObject({ cached: 4, used: 0 });
  });
});

describe("generate", () => {
  test("goes from its prefill to decode, and its blocks go to the cache when it has been loaded", () => {
    const scheduler = create();
    scheduler.add(spec("a", "generate", prompt(4), 3));
    expect(step(scheduler, 5).events).toEqual([prefillStart("a"), chunk("a", 0, 4), token("a", 0, 5)]);
    expect(scheduler.status()).toMatchObject({ ready: 1, blocks: { used: 1 } });
    const blocks = scheduler.blocksOf(id("a"));

    const joined = scheduler.schedule()!;
    expect(joined.events).toEqual([{ type: "decode-start", sequenceId: "a" }]);
    expect(joined.plan).toMatchObject({
      moves: [],
      loads: [{ sequenceId: "a", pages: [0], blocks, start: 0, end: 4, sample: { outputIndex: 1 } }],
      prefills: [],
      pages: 1,
      decodes: [{ sequenceId: "a", tokenId: 5, position: 4, pages: [0] }],
    });
    expect(scheduler.status()).toMatchObject({ running: 1, blocks: { used: 1 } });
    expect(scheduler.commit(outcomeOf(joined.plan, 6))).toEqual([token("a", 1, 6)]);
    expect(blockCount(scheduler)).toMatchObject({ used: 0, cached: 1 });

    const last = step(scheduler, 7);
    expect(last.plan).toMatchObject({
      loads: [],
      decodes: [{ tokenId: 6, position: 5 }],
    });
    expect(last.events).toEqual([token("a", 2, 7), finished("a", "length")]);
    expect(scheduler.schedule()).toBeUndefined();
  });

  test("ends without a token when the first is a stop token", () => {
    const scheduler = create();
    scheduler.add(spec("a", "generate", [1]));
    expect(step(scheduler, STOP).events).toEqual([
      prefillStart("a"),
      chunk("a", 0, 1),
      finished("a", "stop"),
    ]);
    expect(blockCount(scheduler)).toMatchObject({ used: 0 });
  });

  test("ends after its first token when one token is asked for", () => {
    const scheduler = create();
    scheduler.add(spec("a", "generate", [1], 1));
    expect(step(scheduler).events.slice(2)).toEqual([token("a", 0), finished("a", "length")]);
    expect(blockCount(scheduler)).toMatchObject({ used: 0 });
  });

  test("a stop token at the length limit counts as stop", () => {
    const scheduler = create();
    scheduler.add(spec("a", "generate", [1], 2));
    step(scheduler);
    expect(step(scheduler, STOP).events.at(-1)).toEqual(finished("a", "stop"));
  });

  test("chunks of new prompts and tokens of running ones share a step", () => {
    const scheduler = create();
    scheduler.add(spec("a", "generate", prompt(2)));
    step(scheduler);
    scheduler.add(spec("b", "generate", prompt(6, 1)));
    const { plan } = step(scheduler);
    expect(chunksOf(plan)).toEqual(["b 0+4"]);
    expect(plan.decodes).toHaveLength(1);
  });
});

describe("decode", () => {
  test("reserves, receives and goes on from the first token", () => {
    const scheduler = create();
    const granted: (readonly BlockId[])[] = [];
    scheduler.add(spec("a", "decode", prompt(5), 2));
    expect(scheduler.status().waiting).toBe(1);
    scheduler.reserve(id("a"), (blocks) => granted.push(blocks));
    expect(granted).toEqual([scheduler.blocksOf(id("a"))]);
    expect(granted[0]).toHaveLength(2);
    expect(scheduler.status().receiving).toBe(1);
    expect(scheduler.schedule()).toBeUndefined();
    expect(scheduler.ready(id("a"), { tokenId: 5 })).toEqual([token("a", 0, 5)]);
    const { plan, events } = step(scheduler, 6);
    expect(plan.decodes).toMatchObject([{ tokenId: 5, position: 5 }]);
    expect(events.slice(1)).toEqual([token("a", 1, 6), finished("a", "length")]);
  });

  test("takes no page when the first token ends the answer", () => {
    const scheduler = create();
    expect(receive(scheduler, spec("a", "decode", [1]), STOP)).toEqual([finished("a", "stop")]);
    expect(receive(scheduler, spec("b", "decode", [1], 1), 8)).toEqual([
      token("b", 0, 8),
      finished("b", "length"),
    ]);
    expect(scheduler.schedule()).toBeUndefined();
    expect(blockCount(scheduler)).toMatchObject({ free: 16 });
  });

  test("reservations are served all or nothing, in order, a large one before the small ones behind it", () => {
    const scheduler = create({}, 4);
    const order: string[] = [];
    for (const [name, length] of [
      ["a", 8],
      ["big", 16],
      ["c", 4],
    ] as const) {
      scheduler.add(spec(name, "decode", prompt(length), 1));
      scheduler.reserve(id(name), () => order.push(name));
    }
    expect(order).toEqual(["a"]);
    expect(scheduler.status()).toMatchObject({ receiving: 1, waiting: 2, blocks: { free: 2 } });
    scheduler.cancel(id("a"));
    expect(order).toEqual(["a", "big"]);
    scheduler.cancel(id("big"));
    expect(order).toEqual(["a", "big", "c"]);
  });

  test("a cancelled reservation is never granted and lets the next one through", () => {
    const scheduler = create({}, 4);
    const order: string[] = [];
    for (const [name, length] of [
      ["a", 4],
      ["big", 16],
      ["c", 4],
    ] as const) {
      scheduler.add(spec(name, "decode", prompt(length), 1));
      scheduler.reserve(id(name), () => order.push(name));
    }
    scheduler.cancel(id("big"));
    expect(order).toEqual(["a", "c"]);
  });

  test("more ready sequences than may run join first come, first served, as others end", () => {
    const scheduler = create({ maxRunning: 1 });
    receive(scheduler, spec("a", "decode", [1], 2));
    receive(scheduler, spec("b", "decode", [2], 2));
    receive(scheduler, spec("c", "decode", [3], 2));
    const order = [step(scheduler), step(scheduler), step(scheduler)].map(
      ({ plan }) => plan.decodes[0]?.sequenceId,
    );
    expect(order).toEqual(["a", "b", "c"]);
  });
});

describe("pages", () => {
  /** Four running sequences, a to d, in pages 0 to 3. */
  function fourRunning(limits: Partial<SchedulerLimits> = {}): SchedulerApi {
    const scheduler = create({ maxRunning: 5, ...limits });
    for (const name of ["a", "b", "c", "d"]) receive(scheduler, spec(name, "decode", [1], 20));
    step(scheduler);
    return scheduler;
  }

  /** The page tables of a step, by sequence. */
  function tables({ decodes }: StepPlan) {
    return Object.fromEntries(decodes.map((entry) => [entry.sequenceId, entry.pages]));
  }

  test("a newcomer gets the page of one who left, and nobody moves", () => {
    const scheduler = fourRunning();
    scheduler.cancel(id("b"));
    receive(scheduler, spec("e", "decode", [1]));
    const { plan } = step(scheduler);
    expect(plan).toMatchObject({ moves: [], pages: 4, loads: [{ sequenceId: "e", pages: [1] }] });
    expect(tables(plan)).toEqual({ a: [0], c: [2], d: [3], e: [1] });
  });

  test("the last page moves into a hole", () => {
    const scheduler = fourRunning();
    scheduler.cancel(id("b"));
    const { plan } = step(scheduler);
    expect(plan).toMatchObject({ moves: [{ from: 3, to: 1 }], pages: 3 });
    expect(tables(plan)).toEqual({ a: [0], c: [2], d: [1] });
  });

  test("nothing moves when the last pages become free", () => {
    const scheduler = fourRunning();
    scheduler.cancel(id("d"));
    scheduler.cancel(id("c"));
    expect(step(scheduler).plan).toMatchObject({ moves: [], pages: 2, decodes: { length: 2 } });
  });

  test("a sequence grows by a page when it is full, wherever there is one", () => {
    const scheduler = fourRunning({ pageTokens: 4 });
    scheduler.cancel(id("a"));
    scheduler.cancel(id("d"));
    expect(tables(step(scheduler).plan)).toEqual({ b: [1], c: [0] });
    step(scheduler);
    expect(tables(step(scheduler).plan)).toEqual({ b: [1, 2], c: [0, 3] });
  });

  test("many holes are closed over several steps", () => {
    const scheduler = create({ maxRunning: 8, pageTokens: 1 }, 40);
    receive(scheduler, spec("a", "decode", prompt(20), 20));
    step(scheduler);
    receive(scheduler, spec("b", "decode", prompt(8, 1), 20));
    step(scheduler);
    scheduler.cancel(id("a"));
    const extents = Array.from({ length: 6 }, () => {
      const { moves, pages } = step(scheduler).plan;
      expect(moves.length).toBeLessThanOrEqual(2);
      return pages;
    });
    expect(extents[0]).toBeGreaterThan(20);
    expect(extents.at(-1)).toBeLessThan(18);
  });

  test("beside others a long prompt is loaded in parts, and joins with the last of them", () => {
    const scheduler = create({ maxRunning: 4, loadTokens: 5 });
    receive(scheduler, spec("a", "decode", prompt(12), 20));
    expect(step(scheduler).plan.loads).toMatchObject([{ sequenceId: "a", start: 0, end: 12 }]);
    receive(scheduler, spec("b", "decode", prompt(12, 1), 20), 7);
    receive(scheduler, spec("c", "decode", [3], 20));
    const steps = [step(scheduler), step(scheduler), step(scheduler)];
    expect(
      steps.map(({ plan }) => plan.loads.map(({ sequenceId, start, end }) => [sequenceId, start, end])),
    ).toEqual([
      [["b", 0, 5]],
      [["b", 5, 10]],
      [
        ["b", 10, 12],
        ["c", 0, 1],
      ],
    ]);
    expect(steps.map(({ plan }) => plan.decodes.length)).toEqual([1, 1, 3]);
    expect(steps.map(({ plan }) => plan.pages)).toEqual([2, 2, 5]);
    expect(steps[2]!.plan.loads[0]).toMatchObject({ sample: { outputIndex: 1 } });
    expect(steps[1]!.events).toEqual([token("a", 3)]);
    expect(steps[2]!.events).toContainEqual(token("b", 1));
  });

  test("what is half loaded gives way to those who run, and is loaded again from the beginning", () => {
    const scheduler = create({ maxRunning: 4, pageTokens: 4, batchTokens: 32, loadTokens: 1 });
    receive(scheduler, spec("a", "decode", prompt(3), 20));
    step(scheduler);
    receive(scheduler, spec("b", "decode", prompt(15, 1), 2));
    const starts: number[] = [];
    for (let next = scheduler.schedule(); next !== undefined; next = scheduler.schedule()) {
      starts.push(...next.plan.loads.map(({ start }) => start));
      scheduler.commit(outcomeOf(next.plan));
    }
    expect(starts.filter((start) => start === 0)).toHaveLength(2);
    expect(scheduler.status()).toMatchObject({ running: 0, ready: 0, retractions: 0, blocks: { used: 0 } });
  });

  test("a batch whose sequences all left leaves nothing to do", () => {
    const scheduler = fourRunning();
    for (const name of ["a", "b", "c", "d"]) scheduler.cancel(id(name));
    expect(scheduler.schedule()).toBeUndefined();
  });
});

describe("finish", () => {
  test("ends a running and a ready sequence with the given reason", () => {
    const scheduler = create({ maxRunning: 1 });
    receive(scheduler, spec("a", "decode", [1]));
    receive(scheduler, spec("b", "decode", [1]));
    step(scheduler);
    expect(scheduler.finish(id("a"), "stop")).toEqual([finished("a", "stop")]);
    expect(scheduler.finish(id("b"), "stop")).toEqual([finished("b", "stop")]);
    expect(scheduler.schedule()).toBeUndefined();
    expect(blockCount(scheduler)).toMatchObject({ used: 0 });
  });

  test("does nothing to a sequence that ended, is unknown, or holds its blocks for a hand-over", () => {
    const scheduler = create();
    scheduler.add(spec("a", "prefill", [1]));
    step(scheduler);
    expect(scheduler.finish(id("a"), "stop")).toEqual([]);
    expect(scheduler.finish(id("x"), "stop")).toEqual([]);
    expect(scheduler.status().holding).toBe(1);
  });
});

describe("misuse", () => {
  test("schedule() with a step in flight and commit() without one throw", () => {
    const scheduler = create();
    scheduler.add(spec("a", "generate", [1]));
    const { plan } = scheduler.schedule()!;
    expect(() => scheduler.schedule()).toThrow("Cannot schedule: step 1 is not committed");
    scheduler.commit(outcomeOf(plan));
    expect(() => scheduler.commit(outcomeOf(plan))).toThrow("Cannot commit: no step is in flight");
  });

  test("commit() refuses an outcome that does not answer the plan, and still takes the right one", () => {
    const scheduler = create();
    scheduler.add(spec("a", "generate", [1]));
    const { plan } = scheduler.schedule()!;
    const good = outcomeOf(plan);
    expect(() => scheduler.commit({ ...good, stepId: 7 })).toThrow("step id is 7, expected 1");
    expect(() => scheduler.commit({ ...good, prefills: [] })).toThrow("number of prefills is 0, expected 1");
    expect(() => scheduler.commit({ ...good, decodes: [{ tokenId: 1 }] })).toThrow(
      "number of decodes is 1, expected 0",
    );
    expect(() => scheduler.commit({ ...good, prefills: [{ startedAt: 0, endedAt: 0 }] })).toThrow(
      "presence of the token of prefill 0 is false, expected true",
    );
    expect(scheduler.commit(good)).toHaveLength(2);
  });

  test("reserve(), ready() and release() refuse a sequence in another state or of another goal", () => {
    const scheduler = create({}, 1);
    scheduler.add(spec("a", "decode", [1], 1));
    scheduler.add(spec("b", "decode", [1], 1));
    expect(() => scheduler.ready(id("a"), { tokenId: 1 })).toThrow("it is waiting, expected receiving");
    scheduler.reserve(id("a"), () => {});
    expect(() => scheduler.reserve(id("a"), () => {})).toThrow("it is receiving, expected waiting");
    scheduler.reserve(id("b"), () => {});
    expect(() => scheduler.reserve(id("b"), () => {})).toThrow("it waits for them already");
    expect(() => scheduler.release(id("a"))).toThrow("its goal is decode, expected prefill");
  });

  test("unknown ids are ignored", () => {
    const scheduler = create();
    scheduler.cancel(id("x"));
    scheduler.release(id("x"));
    scheduler.reserve(id("x"), () => {
      throw new Error("Granted to nobody");
    });
    expect(scheduler.ready(id("x"), { tokenId: 1 })).toEqual([]);
    expect(scheduler.blocksOf(id("x"))).toBeUndefined();
  });
});

describe("when pages run short", () => {
  /** Runs until nothing is left; the tokens of each sequence, and what happened besides, in order. */
  function runAll(scheduler: SchedulerApi) {
    const happened: string[] = [];
    for (let next = scheduler.schedule(); next !== undefined; next = scheduler.schedule()) {
      const { plan } = next;
      expect(plan.pages).toBeLessThanOrEqual(32 / 4);
      for (const event of [...next.events, ...scheduler.commit(outcomeOf(plan))]) {
        if (event.type !== "prefill-chunk" && event.type !== "token") {
          happened.push(`${event.sequenceId} ${event.type}`);
        }
      }
    }
    return happened;
  }

  test("the newest sequence gives way, and goes on after the others where it was", () => {
    const scheduler = create({ batchTokens: 32, pageTokens: 4, maxRunning: 4 });
    scheduler.add(spec("a", "generate", prompt(3), 20));
    scheduler.add(spec("b", "generate", prompt(3, 1), 20));
    expect(runAll(scheduler)).toEqual([
      "a prefill-start",
      "b prefill-start",
      "a decode-start",
      "b decode-start",
      "b retracted",
      "a finished",
      "b resumed",
      "b finished",
    ]);
    expect(scheduler.status()).toMatchObject({ running: 0, retractions: 1, blocks: { used: 0 } });
  });

  test("a prompt is let in only if there is room to grow", () => {
    const scheduler = create({ batchTokens: 32, pageTokens: 4, maxRunning: 4 });
    scheduler.add(spec("a", "generate", prompt(4), 20));
    for (let steps = 0; steps < 8; steps++) step(scheduler);
    scheduler.add(spec("b", "generate", prompt(14, 1), 2));
    expect(runAll(scheduler)).toEqual(["b prefill-start", "a finished", "b decode-start", "b finished"]);
  });

  test("a sequence that was retracted may be dropped at any moment", () => {
    for (let steps = 0; steps < 12; steps++) {
      const scheduler = create({ batchTokens: 32, pageTokens: 4, maxRunning: 4 });
      scheduler.add(spec("a", "generate", prompt(3), 20));
      scheduler.add(spec("b", "generate", prompt(3, 1), 20));
      while (scheduler.status().retractions === 0) step(scheduler);
      expect(scheduler.status()).toMatchObject({ running: 1, prefilling: 1 });
      for (let more = 0; more < steps; more++) {
        const next = scheduler.schedule();
        if (next) scheduler.commit(outcomeOf(next.plan));
      }
      scheduler.cancel(id("b"));
      runAll(scheduler);
      expect(scheduler.status()).toMatchObject({ running: 0, waiting: 0, blocks: { used: 0 } });
    }
  });
});

describe("the KV of an answer that ended", () => {
  /** Takes a sequence of six prompt tokens to its end; its pages then hold ten tokens. */
  function answer(scheduler: SchedulerApi, sequence = spec("a", "generate", prompt(6))): void {
    scheduler.add(sequence);
    const isBusy = () => {
      const { waiting, prefilling, ready, running } = scheduler.status();
      return waiting + prefilling + ready + running > 0;
    };
    while (isBusy()) step(scheduler);
  }

  test("is saved by full blocks in a step of its own, and found by a prompt that goes on from there", () => {
    const scheduler = create();
    answer(scheduler);
    const { plan } = step(scheduler);
    expect(plan).toMatchObject({ moves: [], loads: [], prefills: [], decodes: [] });
    expect(plan.saves).toMatchObject([{ pages: [0, 1], start: 4, tokenIds: [4, 5, 1, 1] }]);
    expect(scheduler.schedule()).toBeUndefined();
    expect(blockCount(scheduler)).toMatchObject({ used: 0, cached: 2 });
    scheduler.add(spec("b", "generate", [...prompt(6), 1, 1, 1, 1, 1, 7]));
    expect(step(scheduler).events).toContainEqual(prefillStart("b", 8));
  });

  test("is saved before its pages are anybody else's", () => {
    const scheduler = create({ maxRunning: 1 });
    scheduler.add(spec("b", "generate", prompt(6, 1)));
    answer(scheduler);
    expect(blockCount(scheduler).cached).toBe(3); // One of each prompt, and one of the first answer.
    expect(step(scheduler).plan.saves).toHaveLength(1);
    expect(blockCount(scheduler).cached).toBe(4);
  });

  test("is saved where somebody asked for the end, in a step too", () => {
    const scheduler = create();
    receive(scheduler, spec("a", "decode", prompt(6), 20));
    step(scheduler);
    step(scheduler);
    const { plan } = scheduler.schedule()!;
    expect(scheduler.finish(id("a"), "stop")).toEqual([finished("a", "stop")]);
    scheduler.commit(outcomeOf(plan));
    expect(step(scheduler).plan.saves).toMatchObject([{ pages: [0, 1], start: 4, tokenIds: [4, 5, 1, 1] }]);
  });

  test("is not saved when the step in which it ended fails: its pages hold nothing good", () => {
    const scheduler = create();
    receive(scheduler, spec("a", "decode", prompt(6), 20));
    step(scheduler);
    step(scheduler);
    const { plan } = scheduler.schedule()!;
    scheduler.finish(id("a"), "stop");
    scheduler.commit({ ...outcomeOf(plan), decodes: [{ failure: "broken" }] });
    expect(scheduler.schedule()).toBeUndefined();
  });

  test("is not saved of a sequence that was dropped", () => {
    const scheduler = create();
    receive(scheduler, spec("a", "decode", prompt(6), 20));
    step(scheduler);
    step(scheduler);
    scheduler.cancel(id("a"));
    expect(scheduler.schedule()).toBeUndefined();
  });

  test("takes no block that somebody holds", () => {
    const scheduler = create({}, 4);
    receive(scheduler, spec("a", "decode", prompt(6), 5));
    scheduler.add(spec("c", "decode", prompt(12, 2)));
    while (scheduler.status().running + scheduler.status().ready > 0) {
      step(scheduler);
      if (scheduler.status().receiving === 0) scheduler.reserve(id("c"), () => {});
    }
    expect(blockCount(scheduler)).toMatchObject({ used: 3 });
    expect(scheduler.schedule()).toBeUndefined();
  });
});
