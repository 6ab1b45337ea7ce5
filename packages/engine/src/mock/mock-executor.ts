/**
 * Executes plans without a model: writes and checks KV that proves itself, answers with tokens that a client can
 * predict, and takes the time that a timing model says. Sampling parameters other than lengths are ignored.
 *
 *   M1  It computes on the main thread and never blocks it: some nanoseconds per prompt token, then a timer.
 *   M2  All KV that a sequence enters the batch with is checked, and what a prompt found in the prefix cache is in
 *       its last block; KV that is wrong fails its own sequence.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BatonError, type SampledToken, systemClock } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import type {
  DecodeEntry,
  PrefillChunk,
  PrefillOutcome,
  SlotAdmission,
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
interface Slot {
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
  readonly #slots: Slot[] = [];
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
    for (const { from, to } of plan.moves) this.#slots[to] = this.#slots[from]!;
    for (const admission of plan.admissions) this.#slots[admission.slot] = this.#admit(admission);
    this.#slots.length = plan.decodes.length;
    const tokens = plan.prefills.map((chunk) => this.#prefill(chunk));
    const decodes = plan.decodes.map((entry, slot) => this.#decode(entry, this.#slots[slot]!));
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

  async close(): Promise<void> {
    this.#closed.abort();
  }

  #admit({ blocks, tokenCount, sample }: SlotAdmission): Slot {
    const { topLogprobs } = sample.sampling;
    try {
      const state = this.#kv.verify(blocks, tokenCount);
      return { length: tokenCount, state, topLogprobs };
    } catch (reason) {
      const failure = BatonError.from(reason).message;
      return { length: tokenCount, state: 0, topLogprobs, failure };
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

  #decode({ tokenId, position }: DecodeEntry, slot: Slot): TokenOutcome {
    if (slot.failure !== undefined) return { failure: slot.failure };
    if (slot.length !== position) {
      const is = `its slot holds ${slot.length} tokens, expected ${position}`;
      throw new BatonError("internal", `Cannot go on with token "${tokenId}": ${is}`);
    }
    slot.length += 1;
    slot.state = this.#tokens.after(slot.state, tokenId);
    return this.#token(slot.state, slot.topLogprobs);
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
