// Orderings that could hurt, found by reading the code in search of them. Each test says what it forces; the numbers
// are those of scheduler.ts and of the block pool.

import { type BlockId, NEUTRAL_SAMPLING, sequenceId } from "@baton/core";
import { BlockPool } from "@baton/kv-cache";
import { describe, expect, test } from "@jest/globals";
import { createScheduler } from "./scheduler.ts";
import type { SchedulerLimits } from "./scheduler-api.ts";
import type { SequenceSpec } from "./sequence-spec.ts";
import type { StepOutcome, StepPlan } from "./step-plan.ts";

const LIMITS: SchedulerLimits = {
  chunkTokens: 4,
  stepPrefillTokens: 8,
  maxRunning: 3,
  batchTokens: 1000,
  pageTokens: 8,
  loadTokens: 100,
  maxSequences: 100,
  maxModelTokens: 64,
};
const [A, B, C] = [sequenceId("a"), sequenceId("b"), sequenceId("c")];

function create(blocks: number, limits: Partial<SchedulerLimits> = {}) {
  const pool = new BlockPool({ blocks, blockSize: 4 });
  return { pool, scheduler: createScheduler({ ...LIMITS, ...limits }, pool) };
}

function spec(id: string, goal: SequenceSpec["goal"], tokens: number, maxTokens = 5): SequenceSpec {
  const promptTokenIds = Array.from({ length: tokens }, (_, i) => i);
  const sampling = { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens, stopTokenIds: [] };
  return { id: sequenceId(id), promptTokenIds, sampling, goal };
}

function outcomeOf(plan: StepPlan): StepOutcome {
  return {
    stepId: plan.stepId,
    prefills: plan.prefills.map(() => ({ startedAt: 0, endedAt: 0, token: { tokenId: 1 } })),
    decodes: plan.decodes.map(() => ({ tokenId: 1 })),
    decodeStartedAt: 0,
    decodeEndedAt: 0,
    graphMs: 0,
  };
}

describe("while a step is in flight", () => {
  test("cancelling a prompt keeps the blocks of its chunk away from a waiting reservation until commit (S3)", () => {
    const { scheduler, pool } = create(2);
    scheduler.add(spec("a", "prefill", 8));
    const { plan } = scheduler.schedule()!;
    let granted: readonly BlockId[] | undefined;
    scheduler.add(spec("b", "decode", 8, 1));
    scheduler.reserve(B, (blocks) => {
      granted = blocks;
    });
    scheduler.cancel(A);
    expect(granted).toBeUndefined();
    expect(scheduler.status()).toMatchObject({ prefilling: 0, blocks: { used: 2 } });
    expect(scheduler.commit(outcomeOf(plan))).toEqual([]);
    expect(granted).toHaveLength(2);
    pool.assertConsistent();
  });

  test("cancelling an admitted sequence keeps its blocks until they have been copied (S2, S3)", () => {
    const { scheduler, pool } = create(2);
    scheduler.add(spec("a", "decode", 7, 2));
    scheduler.reserve(A, () => {});
    scheduler.ready(A, { tokenId: 1 });
    const { plan } = scheduler.schedule()!;
    scheduler.cancel(A);
    expect(pool.status().used).toBe(2);
    expect(scheduler.commit(outcomeOf(plan))).toEqual([]);
    expect(pool.status().used).toBe(0);
    expect(scheduler.schedule()).toBeUndefined();
  });

  test("a new sequence under the id of a cancelled one gets none of its events (S5)", () => {
    const { scheduler } = create(4);
    scheduler.add(spec("a", "generate", 4));
    const { plan } = scheduler.schedule()!;
    scheduler.cancel(A);
    scheduler.add(spec("a", "generate", 8));
    expect(scheduler.commit(outcomeOf(plan))).toEqual([]);
    expect(scheduler.schedule()!.plan.prefills).toMatchObject([{ start: 0, promptTokens: 8 }]);
  });

  test("cancelling a sequence that is half loaded keeps its blocks until they have been read (S2, S3)", () => {
    const { scheduler, pool } = create(8, { loadTokens: 3 });
    for (const id of ["a", "b"]) {
      scheduler.add(spec(id, "decode", 8));
      scheduler.reserve(sequenceId(id), () => {});
      scheduler.ready(sequenceId(id), { tokenId: 1 });
      scheduler.commit(outcomeOf(scheduler.schedule()!.plan));
    }
    expect(scheduler.status()).toMatchObject({ running: 1, ready: 1, blocks: { used: 2 } });
    const { plan } = scheduler.schedule()!;
    expect(plan.loads).toMatchObject([{ sequenceId: "b", start: 3, end: 6 }]);
    scheduler.cancel(B);
    expect(pool.status().used).toBe(2);
    scheduler.commit(outcomeOf(plan));
    expect(pool.status().used).toBe(0);
    expect(scheduler.schedule()!.plan).toMatchObject({ loads: [], pages: 2 });
    pool.assertConsistent();
  });

  test("a page that two sequences leave and join between two commits belongs to the second (S3)", () => {
    const { scheduler } = create(8);
    for (const id of ["a", "b"]) {
      scheduler.add(spec(id, "decode", 4));
      scheduler.reserve(sequenceId(id), () => {});
      scheduler.ready(sequenceId(id), { tokenId: 1 });
    }
    const { plan } = scheduler.schedule()!;
    scheduler.finish(A, "stop");
    scheduler.add(spec("c", "decode", 4));
    scheduler.reserve(C, () => {});
    scheduler.ready(C, { tokenId: 7 });
    const events = scheduler.commit(outcomeOf(plan));
    expect(events.map((event) => event.sequenceId)).toEqual(["b"]);
    const next = scheduler.schedule()!.plan;
    expect(next.moves).toEqual([]);
    expect(next.decodes).toMatchObject([
      { sequenceId: "b", tokenId: 1, position: 5, pages: [1] },
      { sequenceId: "c", tokenId: 7, position: 4, pages: [0] },
    ]);
  });

  test("a reset gives back what ended sequences left with the step, and what its own still had, once (S2)", () => {
    const { scheduler, pool } = create(8);
    scheduler.add(spec("a", "decode", 4));
    scheduler.reserve(A, () => {});
    scheduler.ready(A, { tokenId: 1 });
    scheduler.add(spec("b", "prefill", 8));
    scheduler.add(spec("c", "prefill", 8));
    const { plan } = scheduler.schedule()!;
    expect([plan.loads.length, plan.prefills.length]).toEqual([1, 2]);
    scheduler.cancel(B);
    expect(scheduler.reset()).toEqual(["a", "c"]);
    expect(pool.status()).toEqual({ total: 8, free: 8, cached: 0, used: 0 });
    pool.assertConsistent();
    expect(() => scheduler.commit(outcomeOf(plan))).toThrow("no step is in flight");
    expect(scheduler.schedule()).toBeUndefined();
  });

  test("a prompt whose shared beginning is released by its first owner keeps it (P3)", () => {
    const { scheduler, pool } = create(4);
    scheduler.add(spec("a", "prefill", 8));
    for (let i = 0; i < 2; i++) scheduler.commit(outcomeOf(scheduler.schedule()!.plan));
    scheduler.release(A);
    scheduler.add(spec("b", "prefill", 9));
    scheduler.add(spec("c", "prefill", 9));
    const { plan } = scheduler.schedule()!;
    expect(plan.prefills).toMatchObject([{ start: 8 }, { start: 8 }]);
    expect(plan.prefills[0]!.blocks.slice(0, 2)).toEqual(plan.prefills[1]!.blocks.slice(0, 2));
    scheduler.cancel(B);
    scheduler.commit(outcomeOf(plan));
    expect(pool.status()).toEqual({ total: 4, free: 1, cached: 0, used: 3 });
    pool.assertConsistent();
  });
});

describe("a grant that calls back into the scheduler", () => {
  test("may cancel its own sequence: the next one is served in the same go (S7)", () => {
    const { scheduler, pool } = create(2);
    const order: string[] = [];
    for (const id of ["hog", "a", "b"]) scheduler.add(spec(id, "decode", 8, 1));
    scheduler.reserve(sequenceId("hog"), () => {});
    scheduler.reserve(A, () => {
      order.push("a");
      scheduler.cancel(A);
      order.push("after a");
    });
    scheduler.reserve(B, () => order.push("b"));
    scheduler.cancel(sequenceId("hog"));
    expect(order).toEqual(["a", "b", "after a"]);
    expect(scheduler.status()).toMatchObject({ receiving: 1, waiting: 0 });
    pool.assertConsistent();
  });

  test("may cancel the one behind it, which is then not granted", () => {
    const { scheduler } = create(2);
    const order: string[] = [];
    for (const id of ["hog", "a", "b"]) scheduler.add(spec(id, "decode", id === "hog" ? 8 : 4, 1));
    scheduler.reserve(sequenceId("hog"), () => {});
    scheduler.reserve(A, () => {
      order.push("a");
      scheduler.cancel(B);
    });
    scheduler.reserve(B, () => order.push("b"));
    scheduler.cancel(sequenceId("hog"));
    expect(order).toEqual(["a"]);
  });

  test("may be ready at once: its KV was there already", () => {
    const { scheduler } = create(2);
    scheduler.add(spec("a", "decode", 7, 2));
    scheduler.reserve(A, () => scheduler.ready(A, { tokenId: 1 }));
    expect(scheduler.status()).toMatchObject({ ready: 1, receiving: 0 });
  });
});

describe("under memory pressure", () => {
  test("prompts that fill the whole pool one at a time all finish, in order", () => {
    const { scheduler, pool } = create(4, { stepPrefillTokens: 4 });
    const started: string[] = [];
    for (let i = 0; i < 20; i++) scheduler.add(spec(`s${i}`, "generate", 16, 1));
    for (let step = scheduler.schedule(); step !== undefined; step = scheduler.schedule()) {
      for (const event of step.events) if (event.type === "prefill-start") started.push(event.sequenceId);
      scheduler.commit(outcomeOf(step.plan));
    }
    expect(started).toEqual(Array.from({ length: 20 }, (_, i) => `s${i}`));
    expect(pool.status()).toMatchObject({ used: 0, cached: 4 });
  });

  test("held hand-overs stall new prompts without a plan, and a release lets them go on", () => {
    const { scheduler } = create(2);
    scheduler.add(spec("a", "prefill", 8));
    scheduler.add(spec("b", "prefill", 8));
    for (let i = 0; i < 2; i++) scheduler.commit(outcomeOf(scheduler.schedule()!.plan));
    expect(scheduler.schedule()).toBeUndefined();
    scheduler.release(A);
    expect(scheduler.schedule()!.plan.prefills).toMatchObject([{ sequenceId: "b" }]);
  });

  test("a repeated prompt as large as the pool shares what it can and evicts nothing of it", () => {
    const { scheduler, pool } = create(4);
    for (const id of ["a", "b"]) {
      scheduler.add(spec(id, "generate", 16, 1));
      for (let step = scheduler.schedule(); step !== undefined; step = scheduler.schedule()) {
        scheduler.commit(outcomeOf(step.plan));
      }
    }
    expect(scheduler.status().prefixCache).toEqual({ hitTokens: 12, missTokens: 20 });
    pool.assertConsistent();
  });
});

test("hundreds of sequences that come and go in waves leave nothing behind", () => {
  const { scheduler, pool } = create(32);
  let added = 0;
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 3; i++)
      scheduler.add(spec(`s${added++}`, "generate", 1 + (added % 23), 1 + (added % 7)));
    if (round % 3 === 0) scheduler.cancel(sequenceId(`s${added - 2}`));
    for (let i = 0; i < 5; i++) {
      const step = scheduler.schedule();
      if (step === undefined) break;
      if (i === 2) scheduler.cancel(sequenceId(`s${added - 1}`));
      scheduler.commit(outcomeOf(step.plan));
    }
    if (scheduler.status().waiting > 40) scheduler.reset();
  }
  for (let step = scheduler.schedule(); step !== undefined; step = scheduler.schedule()) {
    scheduler.commit(outcomeOf(step.plan));
  }
  const { blocks, ...counts } = scheduler.status();
  expect(counts).toMatchObject({ waiting: 0, prefilling: 0, holding: 0, receiving: 0, ready: 0, running: 0 });
  expect(blocks.free + blocks.cached).toBe(blocks.total);
  pool.assertConsistent();
});
