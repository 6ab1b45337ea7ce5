// The scheduler under any order of calls, with a symbolic engine: whatever happens around it, a sequence that is left
// alone gets exactly its tokens, and every block comes back. The rules that each check stands for are S1 to S7 in
// scheduler.ts and P1 to P5 in the block pool.

import {
  type BlockId,
  blocksFor,
  contextOf,
  NEUTRAL_SAMPLING,
  type SequenceId,
  sequenceId,
} from "@baton/core";
import { BlockPool } from "@baton/kv-cache";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createScheduler } from "./scheduler.ts";
import type { SchedulerApi, SchedulerLimits } from "./scheduler-api.ts";
import type { SequenceEvent } from "./sequence-event.ts";
import type { SequenceSpec } from "./sequence-spec.ts";
import type { StepPlan } from "./step-plan.ts";
import { expectedAnswer, kvOf, nextToken, SymbolicExecutor } from "./symbolic-executor.ts";

const LONGEST_PROMPT = 16;
const LONGEST_ANSWER = 8;

type Goal = SequenceSpec["goal"];

/** What the test knows of a sequence from the events alone. */
interface Tracked {
  readonly spec: SequenceSpec;
  /** The prompt, and the beginning of the answer where somebody else wrote it. */
  readonly context: readonly number[];
  /** The answer, that beginning included. */
  readonly tokens: number[];
  isReserving: boolean;
  isReceiving: boolean;
  isHolding: boolean;
  isRetracted: boolean;
  /** Tokens of the context covered by prefill-start and prefill-chunk; undefined before. */
  covered: number | undefined;
}

interface Setup {
  readonly savesAnswers: boolean;
  readonly limits: SchedulerLimits;
  readonly blockSize: number;
  /** Blocks beyond what the longest sequence needs. */
  readonly spareBlocks: number;
  readonly stopTokenIds: readonly number[];
}

class Harness {
  readonly limits: SchedulerLimits;
  readonly pool: BlockPool;
  readonly scheduler: SchedulerApi;
  readonly executor: SymbolicExecutor;
  /** Accepted and not ended, by the events seen; a holding sequence is still in. */
  readonly alive = new Map<SequenceId, Tracked>();
  finished = 0;
  retracted = 0;
  readonly #stopTokenIds: readonly number[];
  #added = 0;
  #plan: StepPlan | undefined;
  /** Who runs, by plans alone. */
  #running: SequenceId[] = [];
  /** How much is there of who is being loaded, by plans alone. */
  #loading: { readonly id: SequenceId; readonly loaded: number } | undefined;

  constructor({ limits, savesAnswers, blockSize, spareBlocks, stopTokenIds }: Setup) {
    this.#stopTokenIds = stopTokenIds;
    this.limits = limits;
    const blocks = blocksFor(LONGEST_PROMPT + LONGEST_ANSWER, blockSize) + spareBlocks;
    this.pool = new BlockPool({ blocks, blockSize });
    this.scheduler = createScheduler(limits, this.pool, { savesAnswers });
    this.executor = new SymbolicExecutor(blockSize, limits.pageTokens);
  }

  /** So many tokens of the answer are known before, if it has them and one more. */
  add(goal: Goal, promptTokenIds: readonly number[], maxTokens: number, answered = 0): void {
    const sampling = { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens, stopTokenIds: this.#stopTokenIds };
    const { tokens } = expectedAnswer(promptTokenIds, sampling);
    const answeredTokenIds = tokens.slice(0, Math.min(answered, maxTokens - 1));
    const id = sequenceId(`s${++this.#added}`);
    const spec: SequenceSpec = { id, promptTokenIds, answeredTokenIds, sampling, goal };
    if (this.alive.size === this.limits.maxSequences) {
      expect(() => this.scheduler.add(spec)).toThrow("are accepted already");
      return;
    }
    this.alive.set(spec.id, {
      spec,
      context: contextOf(spec),
      tokens: [...answeredTokenIds],
      isReserving: false,
      isReceiving: false,
      isHolding: false,
      isRetracted: false,
      covered: undefined,
    });
    this.scheduler.add(spec);
  }

  reserve(pick: number): void {
    const tracked = this.#pick(pick, ({ spec, isReserving }) => spec.goal === "decode" && !isReserving);
    if (tracked === undefined) return;
    tracked.isReserving = true;
    const { id } = tracked.spec;
    this.scheduler.reserve(id, (blocks) => {
      expect(this.alive.get(id)).toBe(tracked);
      expect(tracked.isReceiving).toBe(false);
      expect(this.scheduler.blocksOf(id)).toBe(blocks);
      tracked.isReceiving = true;
    });
  }

  /** Half of a transfer: what is written must reach nobody else. */
  receivePart(pick: number): void {
    const tracked = this.#pick(pick, ({ isReceiving }) => isReceiving);
    if (tracked === undefined) return;
    const { context, spec } = tracked;
    this.executor.write(
      this.scheduler.blocksOf(spec.id)!,
      0,
      context.map(() => -1),
    );
  }

  deliver(pick: number): void {
    const tracked = this.#pick(pick, ({ isReceiving }) => isReceiving);
    if (tracked === undefined) return;
    const { id } = tracked.spec;
    const kv = kvOf(tracked.context);
    this.executor.write(this.scheduler.blocksOf(id)!, 0, kv);
    tracked.isReceiving = false;
    this.#take(this.scheduler.ready(id, { tokenId: nextToken(kv) }));
  }

  release(pick: number): void {
    const tracked = this.#pick(pick, ({ isHolding }) => isHolding);
    if (tracked === undefined) return;
    const { context, spec } = tracked;
    const { id } = spec;
    expect(this.executor.read(this.scheduler.blocksOf(id)!, context.length)).toEqual(kvOf(context));
    this.alive.delete(id);
    this.scheduler.release(id);
  }

  cancel(pick: number): void {
    const tracked = this.#pick(pick, () => true);
    if (tracked === undefined) return;
    this.alive.delete(tracked.spec.id);
    this.scheduler.cancel(tracked.spec.id);
    this.scheduler.cancel(tracked.spec.id);
  }

  finish(pick: number): void {
    const tracked = this.#pick(pick, () => true);
    if (tracked === undefined) return;
    const { id } = tracked.spec;
    const events = this.scheduler.finish(id, "stop");
    if (tracked.isHolding) {
      expect(events).toEqual([]);
      return;
    }
    this.alive.delete(id);
    expect(events).toEqual([{ type: "finished", sequenceId: id, reason: "stop" }]);
    expect(this.scheduler.finish(id, "stop")).toEqual([]);
  }

  /** Schedules if no step is out, commits it otherwise: other actions happen before and within a step. Chunks of those who ended may be stopped. */
  step({ stopsEnded = false } = {}): boolean {
    if (this.#plan === undefined) return this.#schedule();
    const outcome = this.executor.execute(this.#plan, (id) => stopsEnded && !this.alive.has(id));
    this.#plan = undefined;
    this.#take(this.scheduler.commit(outcome));
    return true;
  }

  reset(): void {
    expect(new Set(this.scheduler.reset())).toEqual(new Set(this.alive.keys()));
    this.#plan = undefined;
    this.#running = [];
    this.#loading = undefined;
    this.alive.clear();
    expect(this.scheduler.status().blocks.free).toBe(this.pool.blocks);
  }

  check(): void {
    this.pool.assertConsistent();
    const { blocks, ...counts } = this.scheduler.status();
    expect(blocks.free + blocks.cached + blocks.used).toBe(blocks.total);
    const { waiting, prefilling, holding, receiving, ready, running } = counts;
    expect(waiting + prefilling + holding + receiving + ready + running).toBe(this.alive.size);
    this.#checkWriters();
  }

  /**
   * Lets everything end. Each round takes every sequence that is served one step on, so the bound is also the proof of no
   * starvation; a retraction costs one more pass over the context.
   */
  drain(): void {
    const work = [...this.alive.values()].map(
      ({ spec }) => (spec.promptTokenIds.length + spec.sampling.maxTokens + 2) * 4,
    );
    const rounds = work.reduce((sum, steps) => sum + steps, 2);
    for (let round = 0; round < rounds && this.alive.size > 0; round++) {
      for (let i = this.alive.size; i > 0; i--) this.reserve(0);
      for (let i = this.alive.size; i > 0; i--) this.deliver(0);
      for (let i = this.alive.size; i > 0; i--) this.release(0);
      this.step();
      if (this.#plan !== undefined) this.step();
      this.check();
    }
    expect([...this.alive.keys()]).toEqual([]);
    while (this.step()); // What the last ones leave behind is saved.
    expect(this.scheduler.schedule()).toBeUndefined();
    const { free, cached, total } = this.scheduler.status().blocks;
    expect(free + cached).toBe(total);
  }

  #schedule(): boolean {
    const step = this.scheduler.schedule();
    if (step === undefined) return false;
    expect(() => this.scheduler.schedule()).toThrow("is not committed");
    this.#plan = step.plan;
    this.#take(step.events);
    this.#checkPrefills(step.plan);
    this.#checkDecodes(step.plan);
    return true;
  }

  #take(events: readonly SequenceEvent[]): void {
    for (const event of events) {
      const tracked = this.alive.get(event.sequenceId);
      if (tracked === undefined || tracked.isHolding)
        throw new Error(`Event after the end: ${JSON.stringify(event)}`);
      this.#takeOne(event, tracked);
    }
  }

  #takeOne(event: SequenceEvent, tracked: Tracked): void {
    switch (event.type) {
      case "prefill-start":
        expect(tracked.covered).toBeUndefined();
        expect(event.cachedTokens % this.pool.blockSize).toBe(0);
        tracked.covered = event.cachedTokens;
        return;
      case "prefill-chunk":
        expect(event.start).toBe(tracked.covered);
        tracked.covered = event.start + event.count;
        return;
      case "decode-start":
        expect(tracked.isRetracted).toBe(false);
        return;
      case "retracted":
        expect(this.#running).toContain(event.sequenceId);
        tracked.isRetracted = true;
        this.retracted++;
        return;
      case "resumed":
        expect(tracked.isRetracted).toBe(true);
        tracked.isRetracted = false;
        return;
      case "token":
        expect(event.index).toBe(tracked.tokens.length);
        tracked.tokens.push(event.tokenId);
        return;
      case "finished":
        this.#takeFinished(tracked, event.reason);
        return;
      case "failed":
        throw event.error;
    }
  }

  #takeFinished(tracked: Tracked, reason: string): void {
    const { id, goal, promptTokenIds, answeredTokenIds = [], sampling } = tracked.spec;
    this.finished++;
    if (goal !== "decode") expect(tracked.covered).toBe(tracked.context.length);
    if (goal === "prefill") {
      expect(tracked.tokens).toEqual([...answeredTokenIds, nextToken(kvOf(tracked.context))]);
      expect(reason).toBe("length");
      tracked.isHolding = true;
      return;
    }
    expect({ tokens: tracked.tokens, reason }).toEqual(expectedAnswer(promptTokenIds, sampling));
    this.alive.delete(id);
  }

  #checkPrefills({ prefills }: StepPlan): void {
    const { chunkTokens, stepPrefillTokens } = this.limits;
    expect(prefills.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0)).toBeLessThanOrEqual(
      stepPrefillTokens,
    );
    expect(new Set(prefills.map((chunk) => chunk.sequenceId)).size).toBe(prefills.length);
    for (const { sequenceId: id, start, tokenIds, blocks, promptTokens, sample } of prefills) {
      const { covered, spec, tokens, isRetracted, ...tracked } = this.alive.get(id)!;
      const end = start + tokenIds.length;
      const context = isRetracted ? [...spec.promptTokenIds, ...tokens] : tracked.context;
      if (!isRetracted) expect(start).toBe(covered);
      expect(tokenIds.length).toBeGreaterThan(0);
      expect(tokenIds.length).toBeLessThanOrEqual(chunkTokens);
      expect(tokenIds).toEqual(context.slice(start, end));
      expect(promptTokens).toBe(context.length);
      expect(blocks).toBe(this.scheduler.blocksOf(id));
      expect(sample).toEqual(
        end === promptTokens ? { sampling: spec.sampling, outputIndex: tokens.length } : undefined,
      );
    }
  }

  #checkDecodes({ moves, loads, pages, decodes }: StepPlan): void {
    const { maxRunning, batchTokens, pageTokens } = this.limits;
    expect(pages).toBeLessThanOrEqual(batchTokens / pageTokens);
    expect(decodes.length).toBeLessThanOrEqual(maxRunning);
    expect(moves.length).toBeLessThanOrEqual(Math.max(2, Math.ceil(pages / 16)));
    const others = this.#running.filter((id) => decodes.some((entry) => entry.sequenceId === id));
    this.#checkLoads(loads, others.length);
    const joined = loads.flatMap(({ sequenceId: id, sample }) => (sample ? [id] : []));
    this.#running = [...others, ...joined];
    expect(decodes.map((entry) => entry.sequenceId)).toEqual(this.#running);
    const used = [...decodes, ...loads.filter(({ sample }) => !sample)].flatMap((entry) => entry.pages);
    expect(new Set(used).size).toBe(used.length);
    expect(pages).toBe(1 + Math.max(-1, ...decodes.flatMap((entry) => entry.pages)));
    expect(Math.max(-1, ...used)).toBeLessThan(batchTokens / pageTokens);
    for (const { sequenceId: id, tokenId, position, pages: table } of decodes) {
      const { tokens, spec } = this.alive.get(id)!;
      expect(tokenId).toBe(tokens.at(-1));
      expect(position).toBe(spec.promptTokenIds.length + tokens.length - 1);
      expect(table.length).toBe(Math.ceil((position + 1) / pageTokens));
    }
  }

  /** Loads go on where they were, unless the sequence gave its pages up, and are bounded where others wait. */
  #checkLoads(loads: StepPlan["loads"], others: number): void {
    let count = 0;
    for (const { sequenceId: id, start, end, sample } of loads) {
      const { tokens, spec } = this.alive.get(id)!;
      if (start > 0) expect(this.#loading).toEqual({ id, loaded: start });
      // The newest token of the answer has no KV yet.
      const all = spec.promptTokenIds.length + tokens.length - 1;
      expect(sample).toEqual(
        end === all ? { sampling: spec.sampling, outputIndex: tokens.length } : undefined,
      );
      this.#loading = sample ? undefined : { id, loaded: end };
      count += end - start;
    }
    if (others > 0) expect(count).toBeLessThanOrEqual(this.limits.loadTokens);
  }

  /** Nobody else may have a block that is written to, or that the step in flight is going to read or write. */
  #checkWriters(): void {
    const written = new Map<BlockId, string>();
    const claim = (blocks: readonly BlockId[], writer: string) => {
      for (const block of blocks) {
        if (written.has(block))
          throw new Error(`Block ${block} of ${written.get(block)} is written by ${writer}`);
        written.set(block, writer);
      }
    };
    for (const { sequenceId: id, blocks, start } of this.#plan?.prefills ?? []) {
      claim(blocks.slice(Math.floor(start / this.pool.blockSize)), id);
    }
    for (const { spec, isReceiving } of this.alive.values()) {
      if (isReceiving) claim(this.scheduler.blocksOf(spec.id)!, spec.id);
    }
    const readers = [...this.alive.keys()].map((id) => ({ id, blocks: this.scheduler.blocksOf(id) ?? [] }));
    const loaded = (this.#plan?.loads ?? []).map(({ sequenceId: id, blocks }) => ({ id, blocks }));
    for (const { id, blocks } of [...readers, ...loaded]) {
      const foreign = blocks.find((block) => (written.get(block) ?? id) !== id);
      if (foreign !== undefined)
        throw new Error(`Block ${foreign} of ${id} is written by ${written.get(foreign)}`);
    }
  }

  #pick(pick: number, where: (tracked: Tracked) => boolean): Tracked | undefined {
    const candidates = [...this.alive.values()].filter(where);
    return candidates[pick % candidates.length];
  }
}

const setup: fc.Arbitrary<Setup> = fc.record({
  limits: fc.record({
    chunkTokens: fc.integer({ min: 1, max: 6 }),
    stepPrefillTokens: fc.integer({ min: 1, max: 12 }),
    maxRunning: fc.integer({ min: 1, max: 4 }),
    // From just enough for the longest sequence to enough for all.
    batchTokens: fc.integer({ min: LONGEST_PROMPT + LONGEST_ANSWER + 3, max: 60 }),
    pageTokens: fc.integer({ min: 1, max: 3 }),
    loadTokens: fc.integer({ min: 1, max: 12 }),
    maxSequences: fc.integer({ min: 4, max: 12 }),
    maxModelTokens: fc.constant(40),
  }),
  savesAnswers: fc.boolean(),
  blockSize: fc.integer({ min: 1, max: 4 }),
  spareBlocks: fc.nat(30),
  stopTokenIds: fc.constant([3, 4, 5]),
});

type Action = (harness: Harness) => void;
const goal = fc.constantFrom<Goal>("prefill", "decode", "generate");
// Two token ids and few lengths: common prefixes, whole or partial, are the rule.
const prompt = fc.array(fc.nat(1), { minLength: 1, maxLength: LONGEST_PROMPT });
const answer = fc.integer({ min: 1, max: LONGEST_ANSWER });
const add = fc.tuple(goal, prompt, answer, fc.oneof(fc.constant(0), fc.nat(LONGEST_ANSWER))).map(
  ([to, ids, max, answered]): Action =>
    (harness) =>
      harness.add(to, ids, max, answered),
);
const picking = (act: (harness: Harness, pick: number) => void) =>
  fc.nat(11).map(
    (pick): Action =>
      (harness) =>
        act(harness, pick),
  );
const actions = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: add },
    { weight: 4, arbitrary: picking((harness, pick) => harness.reserve(pick)) },
    { weight: 1, arbitrary: picking((harness, pick) => harness.receivePart(pick)) },
    { weight: 3, arbitrary: picking((harness, pick) => harness.deliver(pick)) },
    { weight: 3, arbitrary: picking((harness, pick) => harness.release(pick)) },
    { weight: 2, arbitrary: picking((harness, pick) => harness.cancel(pick)) },
    { weight: 1, arbitrary: picking((harness, pick) => harness.finish(pick)) },
    {
      weight: 14,
      arbitrary: fc.boolean().map(
        (stopsEnded): Action =>
          (harness) =>
            harness.step({ stopsEnded }),
      ),
    },
  ),
  { minLength: 20, maxLength: 120, size: "max" },
);

function run(harness: Harness, steps: readonly Action[]): void {
  for (const act of steps) {
    act(harness);
    harness.check();
  }
}

test("under any order of calls every sequence left alone gets exactly its tokens and every block comes back", () => {
  let finished = 0;
  fc.assert(
    fc.property(setup, actions, (parameters, steps) => {
      const harness = new Harness(parameters);
      run(harness, steps);
      harness.drain();
      finished += harness.finished;
    }),
    { numRuns: 150 },
  );
  expect(finished).toBeGreaterThan(750);
});

test("when pages are short, sequences are retracted and still get exactly their tokens", () => {
  const long = fc.tuple(
    fc.constantFrom<Goal>("decode", "generate"),
    fc.array(fc.nat(1), { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 8, max: LONGEST_PROMPT + LONGEST_ANSWER - 4 }),
  );
  const work = fc.array(long, { minLength: 4, maxLength: 8 });
  const tight = setup.map((parameters) => ({
    ...parameters,
    stopTokenIds: [],
    limits: { ...parameters.limits, maxRunning: 4, batchTokens: 36 },
  }));
  let retracted = 0;
  fc.assert(
    fc.property(tight, work, actions, (parameters, sequences, steps) => {
      const harness = new Harness(parameters);
      for (const [to, ids, max] of sequences) harness.add(to, ids, max);
      for (let i = 0; i < 8; i++) {
        for (let pick = 0; pick < 8; pick++) harness.reserve(pick);
        for (let pick = 0; pick < 8; pick++) harness.deliver(pick);
        harness.step();
      }
      run(harness, steps);
      harness.drain();
      retracted += harness.retracted;
    }),
    { numRuns: 100 },
  );
  expect(retracted).toBeGreaterThan(50);
});

test("whatever arrives, the prompt that has waited longest for its turn is in the next step or in the one after", () => {
  const arrivals = fc.array(fc.array(fc.integer({ min: 1, max: LONGEST_PROMPT }), { maxLength: 3 }), {
    minLength: 10,
    maxLength: 40,
  });
  let overtaken = 0;
  fc.assert(
    fc.property(setup, arrivals, ({ limits, blockSize }, steps) => {
      const pool = { blocks: 4000, blockSize };
      const scheduler = createScheduler({ ...limits, maxSequences: 200 }, pool);
      const executor = new SymbolicExecutor(blockSize, limits.pageTokens);
      let turns: readonly SequenceId[] = [];
      let wasOvertaken = false;
      for (const [at, lengths] of steps.entries()) {
        for (const [i, length] of lengths.entries()) {
          const id = sequenceId(`${at}.${i}`);
          // No two begin alike: each is computed from its first token on.
          const promptTokenIds = Array.from({ length }, () => at * 3 + i);
          const sampling = { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens: 1 };
          scheduler.add({ id, promptTokenIds, sampling, goal: "prefill" });
          turns = [...turns, id];
        }
        const plan = scheduler.schedule()?.plan;
        if (!plan) continue;
        const planned = plan.prefills.map((chunk) => chunk.sequenceId);
        const isOvertaken = !planned.includes(turns[0]!);
        expect(isOvertaken && wasOvertaken).toBe(false);
        wasOvertaken = isOvertaken;
        if (isOvertaken) overtaken++;
        const unfinished = plan.prefills.filter(({ sample }) => !sample).map((chunk) => chunk.sequenceId);
        turns = [...turns.filter((id) => !planned.includes(id)), ...unfinished];
        scheduler.commit(executor.execute(plan));
      }
    }),
    { numRuns: 50 },
  );
  expect(overtaken).toBeGreaterThan(50);
});

test("a reset at any moment frees every block, and the scheduler goes on as if it were new", () => {
  fc.assert(
    fc.property(setup, actions, actions, (parameters, before, after) => {
      const harness = new Harness(parameters);
      run(harness, before);
      harness.reset();
      harness.check();
      run(harness, after);
      harness.drain();
    }),
    { numRuns: 30 },
  );
});
