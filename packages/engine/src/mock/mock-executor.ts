/**
 * Executes plans without a model: writes and checks KV that proves itself, answers with tokens that a client can
 * predict, and takes the time that a timing model says. Sampling parameters other than lengths are ignored.
 *
 *   M1  It computes on the main thread and never blocks it: some nanoseconds per prompt token, then a timer.
 *   M2  All KV that a sequence enters the batch with is checked, and what a prompt found in the prefix cache is in
 *       its last block; KV that is wrong fails its own sequence.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BatonError, type SampledToken, type SequenceId, systemClock } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import type {
  DecodeEntry,
  PageLoad,
  PrefillChunk,
  PrefillOutcome,
  SampleRequest,
  StepOutcome,
  StepPlan,
  TokenOutcome,
} from "@baton/scheduler";
import type { PlanExecutor } from "../plan-executor.ts";
import type { MockSpec } from "../runner-spec.ts";
import { MockKv } from "./mock-kv.ts";
import { decodeMs, prefillMs } from "./mock-timing.ts";
import { MockTokens } from "./mock-tokens.ts";
import { StepPacer } from "./step-pacer.ts";

/** A running sequence. */
interface Running {
  /** Tokens whose KV it has. */
  length: number;
  state: number;
  readonly topLogprobs: number | undefined;
  /** Why its KV cannot be used. */
  readonly failure?: string;
}

export class MockExecutor implements PlanExecutor {
  readonly died = new Promise<BatonError>(() => {});
  readonly #tokens: MockTokens;
  readonly #kv: MockKv;
  readonly #capacityTokens: number;
  readonly #speedup: number;
  readonly #pacer = new StepPacer();
  #running = new Map<SequenceId, Running>();
  readonly #closed = new AbortController();

  constructor(spec: MockSpec, memory: KvMemory) {
    this.#tokens = new MockTokens({ ...spec, vocabSize: spec.info.vocabSize });
    this.#kv = new MockKv(memory, this.#tokens);
    this.#capacityTokens = memory.blocks * memory.layout.blockSize;
    this.#speedup = spec.speedup;
  }

  async execute(plan: StepPlan): Promise<StepOutcome> {
    const startedAt = systemClock.now();
    for (const { blocks, start, tokenIds } of plan.saves) this.#kv.write(blocks, start, tokenIds);
    for (const { sample, ...load } of plan.loads) {
      if (sample) this.#running.set(load.sequenceId, this.#join(load, sample));
    }
    this.#running = new Map(plan.decodes.map(({ sequenceId: id }) => [id, this.#running.get(id)!]));
    const tokens = plan.prefills.map((chunk) => this.#prefill(chunk));
    const decodes = plan.decodes.map((entry) => this.#decode(entry, this.#running.get(entry.sequenceId)!));
    const times = this.#times(plan);
    await this.#pace(times.prefillMs + times.decodeMs, startedAt);
    const endedAt = systemClock.now();
    const share = times.prefillMs / (times.prefillMs + times.decodeMs);
    const between = startedAt + (endedAt - startedAt) * share;
    return {
      stepId: plan.stepId,
      prefills: tokens.map((token) => prefillOutcome(token, startedAt, between)),
      decodes,
      decodeStartedAt: between,
      decodeEndedAt: decodes.length === 0 ? between : endedAt,
      graphMs: endedAt - startedAt,
    };
  }

  /** The time of a step is that of all its tokens; they were written at its beginning. */
  stop(): void {}

  async close(): Promise<void> {
    this.#closed.abort();
  }

  #join({ blocks, end: length }: PageLoad, { sampling: { topLogprobs } }: SampleRequest): Running {
    try {
      return { length, state: this.#kv.verify(blocks, length), topLogprobs };
    } catch (reason) {
      return { length, state: 0, topLogprobs, failure: BatonError.from(reason).message };
    }
  }

  #prefill({ blocks, start, tokenIds, sample }: PrefillChunk): TokenOutcome | undefined {
    try {
      this.#kv.verifyLastBlock(blocks, start);
      const state = this.#kv.write(blocks, start, tokenIds);
      return sample && this.#token(state, sample.sampling.topLogprobs);
    } catch (reason) {
      return { failure: BatonError.from(reason).message };
    }
  }

  #decode({ tokenId, position }: DecodeEntry, running: Running): TokenOutcome {
    if (running.failure !== undefined) return { failure: running.failure };
    if (running.length !== position) {
      const is = `its sequence holds ${running.length} tokens, expected ${position}`;
      throw new BatonError("internal", `Cannot go on with token "${tokenId}": ${is}`);
    }
    running.length += 1;
    running.state = this.#tokens.after(running.state, tokenId);
    return this.#token(running.state, running.topLogprobs);
  }

  /** It is always sure of itself. */
  #token(state: number, topLogprobs: number | undefined): SampledToken {
    const tokenId = this.#tokens.next(state);
    if (topLogprobs === undefined) return { tokenId };
    return { tokenId, logprobs: { logprob: 0, top: topLogprobs > 0 ? [{ tokenId, logprob: 0 }] : [] } };
  }

  #times({ prefills, decodes }: StepPlan) {
    const prompt = prefills.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
    const context = decodes.reduce((sum, { position }) => sum + position + 1, 0);
    const use = Math.min(1, context / this.#capacityTokens);
    return {
      prefillMs: prefillMs(prompt) / this.#speedup,
      decodeMs: decodes.length === 0 ? 0 : decodeMs(use) / this.#speedup,
    };
  }

  async #pace(durationMs: number, startedAt: number): Promise<void> {
    const ms = this.#pacer.sleepMs(durationMs);
    if (ms > 0) await sleep(ms, undefined, { signal: this.#closed.signal }).catch(() => {});
    this.#pacer.took(durationMs, systemClock.now() - startedAt);
  }
}

function prefillOutcome(token: TokenOutcome | undefined, startedAt: number, endedAt: number): PrefillOutcome {
  return token ? { token, startedAt, endedAt } : { startedAt, endedAt };
}
