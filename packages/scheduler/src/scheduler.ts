// Decides what each engine step computes. Owns sequences, their blocks and their pages; touches no bytes, starts no
// work, reads no clock. Every decision is a plan (data out), every result an outcome (data in).
//
//   S1  One step is in flight at a time: schedule, execute, commit.
//   S2  Blocks have one owner: the sequence while prefilling, holding, receiving or ready; the step in flight for
//       the answers that it saves, for what it loads to its end (from schedule on), and for its chunks and loads of
//       sequences that ended meanwhile. The owner gives them back exactly once.
//   S3  What the step in flight reads or writes stays untouched until commit: blocks are not given back, pages go to
//       nobody else.
//   S4  A sequence is in exactly one place: the reservation queue (waiting), the prefill queue or the step in flight
//       (prefilling), the decode set (ready and running), or none.
//   S5  A sequence that ended is unknown from then on and has no further event, whatever is still in flight for it.
//   S6  A sequence that runs either goes on to its end or is retracted: it gives up its pages, waits for blocks before
//       everybody else, and its context, prompt and answer so far, is computed again. Nothing of its answer is lost.
//   S7  Whenever blocks may have become available, the reservation queue is served before the call returns.

import {
  assertNever,
  BatonError,
  type BlockId,
  type FinishReason,
  type SampledToken,
  type SequenceId,
} from "@baton/core";
import { BlockPool, type BlockPoolSize, type PrefixCache } from "@baton/kv-cache";
import { checkLimits, checkSpec } from "./admission-rule.ts";
import { AnswerSaves } from "./answer-saves.ts";
import { DecodeSet } from "./decode-set.ts";
import { judgeToken } from "./finish-rule.ts";
import { PrefillQueue } from "./prefill-queue.ts";
import { ReservationQueue } from "./reservation-queue.ts";
import type { SchedulerApi, SchedulerLimits, SchedulerStatus } from "./scheduler-api.ts";
import { Sequence, type SequenceCounts } from "./sequence.ts";
import type { SequenceEvent } from "./sequence-event.ts";
import type { SequenceSpec } from "./sequence-spec.ts";
import { joinEvents, type StepInFlight } from "./step-in-flight.ts";
import { checkOutcome } from "./step-outcome.ts";
import type {
  PageLoad,
  PrefillChunk,
  PrefillOutcome,
  StepOutcome,
  StepPlan,
  TokenOutcome,
} from "./step-plan.ts";

/** What is done with the KV of answers. */
interface AnswerOptions {
  /** Whether it goes into the prefix cache: not where pages hold it less exactly than blocks. True unless given. */
  readonly savesAnswers?: boolean;
}

/**
 * Creates a scheduler over its own pool, or over a given one that nobody else uses.
 * @throws RangeError if a limit is not a whole number of at least 1.
 */
export function createScheduler(
  limits: SchedulerLimits,
  pool: BlockPool | BlockPoolSize,
  { savesAnswers = true }: AnswerOptions = {},
): SchedulerApi {
  checkLimits(limits);
  return new Scheduler(limits, pool instanceof BlockPool ? pool : new BlockPool(pool), savesAnswers);
}

class Scheduler implements SchedulerApi {
  readonly #limits: SchedulerLimits;
  readonly #pool: BlockPool;
  readonly #sequences = new Map<SequenceId, Sequence>();
  readonly #counts: SequenceCounts = {
    waiting: 0,
    prefilling: 0,
    holding: 0,
    receiving: 0,
    ready: 0,
    running: 0,
    ended: 0,
  };
  readonly #reservations: ReservationQueue;
  readonly #prefills: PrefillQueue;
  readonly #decodes: DecodeSet;
  readonly #saves: AnswerSaves;
  readonly #savesAnswers: boolean;
  #step: StepInFlight | undefined;
  #stepsPlanned = 0;
  #sequencesAdded = 0;
  #retractions = 0;
  #hitTokens = 0;
  #missTokens = 0;

  constructor(limits: SchedulerLimits, pool: BlockPool, savesAnswers: boolean) {
    this.#limits = limits;
    this.#pool = pool;
    this.#reservations = new ReservationQueue(pool);
    this.#prefills = new PrefillQueue(limits);
    this.#decodes = new DecodeSet(limits);
    this.#saves = new AnswerSaves(pool);
    this.#savesAnswers = savesAnswers;
  }

  add(spec: SequenceSpec): void {
    checkSpec(spec, this.#limits, this.#pool);
    if (this.#sequences.has(spec.id)) {
      throw new BatonError(
        "internal",
        `Cannot accept sequence "${spec.id}": the id is in use, expected a new one`,
      );
    }
    const { maxSequences } = this.#limits;
    if (this.#sequences.size >= maxSequences) {
      throw new BatonError(
        "overloaded",
        `Cannot accept sequence "${spec.id}": ${maxSequences} are accepted already`,
      );
    }
    const sequence = new Sequence(spec, ++this.#sequencesAdded, this.#pool.blockSize, this.#counts);
    this.#sequences.set(spec.id, sequence);
    if (spec.goal === "decode") return;
    this.#reservations.ask(sequence, (blocks, cached) => this.#startPrefill(sequence, blocks, cached));
    this.#reservations.serve();
  }

  reserve(id: SequenceId, granted: (blocks: readonly BlockId[]) => void): void {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return;
    sequence.expect("waiting");
    if (this.#reservations.has(sequence)) {
      throw new BatonError(
        "internal",
        `Cannot reserve blocks for sequence "${id}": it waits for them already`,
      );
    }
    this.#reservations.ask(sequence, (blocks) => {
      sequence.enter({ kind: "receiving", blocks });
      granted(blocks);
    });
    this.#reservations.serve();
  }

  ready(id: SequenceId, first: SampledToken): readonly SequenceEvent[] {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return [];
    const { blocks } = sequence.expect("receiving");
    const events: SequenceEvent[] = [];
    this.#startAnswer(sequence, blocks, first, events);
    this.#reservations.serve();
    return events;
  }

  release(id: SequenceId): void {
    const goal = this.#sequences.get(id)?.spec.goal ?? "prefill";
    if (goal !== "prefill") {
      throw new BatonError(
        "internal",
        `Cannot release sequence "${id}": its goal is ${goal}, expected prefill`,
      );
    }
    this.cancel(id);
  }

  cancel(id: SequenceId): void {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) return;
    this.#drop(sequence);
    this.#reservations.serve();
  }

  finish(id: SequenceId, reason: FinishReason): readonly SequenceEvent[] {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined || sequence.state.kind === "holding") return [];
    this.#end(sequence);
    this.#reservations.serve();
    return [{ type: "finished", sequenceId: id, reason }];
  }

  blocksOf(id: SequenceId): readonly BlockId[] | undefined {
    const state = this.#sequences.get(id)?.state;
    return state !== undefined && "blocks" in state ? state.blocks : undefined;
  }

  schedule(): { readonly plan: StepPlan; readonly events: readonly SequenceEvent[] } | undefined {
    if (this.#step !== undefined) {
      throw new BatonError("internal", `Cannot schedule: step ${this.#step.plan.stepId} is not committed`);
    }
    const retracted = this.#retractOverflow();
    this.#reservations.serve();
    const saved = this.#saves.plan();
    const { loads: loaded, ...batch } = this.#decodes.schedule();
    const chunks = this.#prefills.take();
    // Moves and loads come with decodes, so nothing is lost by giving up here.
    if (saved.length + chunks.length + batch.decodes.length === 0) return undefined;
    const plan = {
      stepId: ++this.#stepsPlanned,
      saves: saved.map(({ save }) => save),
      loads: loaded.map(({ load }) => load),
      prefills: chunks.map(({ chunk }) => chunk),
      ...batch,
    };
    this.#step = { plan, saved, loaded, chunks, decoding: this.#decodes.running };
    return { plan, events: [...retracted, ...joinEvents(this.#step)] };
  }

  commit(outcome: StepOutcome): readonly SequenceEvent[] {
    const step = this.#step;
    if (step === undefined) throw new BatonError("internal", "Cannot commit: no step is in flight");
    checkOutcome(step.plan, outcome);
    this.#step = undefined;
    const events: SequenceEvent[] = [];
    for (const saved of step.saved) this.#saves.commit(saved);
    for (const { sequence, load } of step.loaded) this.#commitLoad(sequence, load);
    step.chunks.forEach(({ sequence, chunk }, i) => {
      this.#commitChunk(sequence, chunk, outcome.prefills[i]!, events);
    });
    step.decoding.forEach((sequence, i) => {
      this.#commitDecode(sequence, outcome.decodes[i]!, events);
    });
    this.#reservations.serve();
    return events;
  }

  reset(): readonly SequenceId[] {
    const ids = [...this.#sequences.keys()];
    for (const sequence of this.#sequences.values()) this.#drop(sequence);
    // What is left belongs to the step (S2).
    const plan = this.#step?.plan;
    this.#step = undefined;
    this.#saves.clear();
    for (const { blocks } of plan?.saves ?? []) this.#pool.release(blocks);
    for (const { blocks } of plan?.loads ?? []) this.#pool.release(blocks);
    for (const { blocks } of plan?.prefills ?? []) this.#pool.release(blocks);
    // After a failure nothing that the engine wrote is trusted.
    this.#pool.forgetCached();
    return ids;
  }

  get prefixCache(): PrefixCache {
    return this.#pool;
  }

  status(): SchedulerStatus {
    const { waiting, prefilling, holding, receiving, ready, running } = this.#counts;
    return {
      waiting,
      prefilling,
      holding,
      receiving,
      ready,
      running,
      waitingTokens: this.#waitingTokens(),
      retractions: this.#retractions,
      blocks: this.#pool.status(),
      prefixCache: { hitTokens: this.#hitTokens, missTokens: this.#missTokens },
    };
  }

  #waitingTokens(): number {
    let tokens = 0;
    for (const sequence of this.#sequences.values()) tokens += sequence.uncomputedTokens;
    return tokens;
  }

  /** Takes out of the batch what the pages have no room for; the one that came first always stays. */
  #retractOverflow(): SequenceEvent[] {
    return this.#decodes.overflow().map((sequence) => {
      this.#decodes.leave(sequence);
      sequence.retract();
      this.#retractions++;
      this.#reservations.askFirst(sequence, (blocks, cached) => this.#startPrefill(sequence, blocks, cached));
      return { type: "retracted", sequenceId: sequence.id };
    });
  }

  #startPrefill(sequence: Sequence, blocks: readonly BlockId[], cachedTokens: number): void {
    this.#hitTokens += cachedTokens;
    this.#missTokens += sequence.context.length - cachedTokens;
    sequence.enter({ kind: "prefilling", blocks, cachedTokens, computedTokens: cachedTokens });
    this.#prefills.add(sequence);
  }

  #commitChunk(
    sequence: Sequence,
    chunk: PrefillChunk,
    { startedAt, endedAt, token, stopped }: PrefillOutcome,
    events: SequenceEvent[],
  ): void {
    const { blocks, start } = chunk;
    const count = stopped ? 0 : chunk.tokenIds.length;
    const { state } = sequence;
    if (state.kind !== "prefilling") {
      // It ended while this step computed for it, so the step gives its blocks back (S2).
      this.#giveBack(sequence, blocks, start + count);
      return;
    }
    if (stopped)
      throw new BatonError("internal", `Cannot go on with sequence "${sequence.id}": its chunk was stopped`);
    if (token !== undefined && "failure" in token) {
      this.#fail(sequence, token.failure, events);
      this.#pool.release(blocks); // Not queued, so not given back by the drop; and not to be found by others.
      return;
    }
    if (!sequence.recomputes) {
      events.push({ type: "prefill-chunk", sequenceId: sequence.id, start, count, startedAt, endedAt });
    }
    if (token !== undefined && chunk.sample !== undefined) {
      this.#endPrefill(sequence, blocks, token, events);
      return;
    }
    sequence.enter({ ...state, computedTokens: start + count });
    this.#prefills.add(sequence);
  }

  #endPrefill(
    sequence: Sequence,
    blocks: readonly BlockId[],
    token: SampledToken,
    events: SequenceEvent[],
  ): void {
    if (sequence.spec.goal !== "prefill") {
      this.#startAnswer(sequence, blocks, token, events);
      return;
    }
    // The token travels with the KV, a stop token too: what it means is decided where the answer goes on.
    sequence.enter({ kind: "holding", blocks });
    events.push({ ...token, type: "token", sequenceId: sequence.id, index: sequence.answer.length });
    events.push({ type: "finished", sequenceId: sequence.id, reason: "length" });
  }

  /** The prompt's KV is complete and the first token known: queue for the batch, unless that token ends the answer. */
  #startAnswer(
    sequence: Sequence,
    blocks: readonly BlockId[],
    token: SampledToken,
    events: SequenceEvent[],
  ): void {
    sequence.enter({ kind: "ready", blocks });
    this.#decodes.add(sequence);
    this.#report(sequence, token, events);
  }

  /** Where the sequence goes on waiting for the rest of its load, the blocks stay its own (S2). */
  #commitLoad(sequence: Sequence, { blocks }: PageLoad): void {
    if (sequence.state.kind !== "ready") this.#giveBack(sequence, blocks, sequence.context.length);
  }

  #isLoading(sequence: Sequence): boolean {
    return this.#step?.loaded.some((one) => one.sequence === sequence) ?? false;
  }

  #commitDecode(sequence: Sequence, token: TokenOutcome, events: SequenceEvent[]): void {
    if ("failure" in token) this.#saves.drop(sequence); // It ended meanwhile, and its pages hold what failed.
    if (sequence.state.kind !== "running") return;
    if ("failure" in token) this.#fail(sequence, token.failure, events);
    else this.#report(sequence, token, events);
  }

  /** Adds a token to the answer and ends the sequence where the token does. */
  #report(sequence: Sequence, token: SampledToken, events: SequenceEvent[]): void {
    const index = sequence.answer.push(token.tokenId) - 1;
    const { isReported, finish } = judgeToken(sequence.spec.sampling, token.tokenId, index);
    if (isReported) events.push({ ...token, type: "token", sequenceId: sequence.id, index });
    if (finish === undefined) return;
    this.#end(sequence);
    events.push({ type: "finished", sequenceId: sequence.id, reason: finish });
  }

  /** Ends a sequence that cannot go on, and forgets all KV that nobody uses: its own may have come from there. */
  #fail(sequence: Sequence, message: string, events: SequenceEvent[]): void {
    this.#drop(sequence);
    this.#pool.forgetCached();
    events.push({ type: "failed", sequenceId: sequence.id, error: new BatonError("internal", message) });
  }

  /** Ends a sequence well: its KV is worth keeping. */
  #end(sequence: Sequence): void {
    const { state } = sequence;
    if (state.kind === "running" && this.#savesAnswers) this.#saves.add(sequence, state.table);
    this.#drop(sequence);
  }

  /** Ends a sequence: takes it out of where it is (S4) and gives back what it owns (S2). */
  #drop(sequence: Sequence): void {
    const { state } = sequence;
    if (state.kind === "running") this.#decodes.leave(sequence);
    sequence.enter({ kind: "ended" });
    this.#sequences.delete(sequence.id);
    switch (state.kind) {
      case "waiting":
        this.#reservations.withdraw(sequence);
        return;
      case "prefilling":
        // Not in the queue: its chunk is in flight, and commit gives the blocks back (S3).
        if (this.#prefills.remove(sequence)) this.#giveBack(sequence, state.blocks, state.computedTokens);
        return;
      case "receiving":
        this.#pool.release(state.blocks);
        return;
      case "holding":
        this.#giveBack(sequence, state.blocks, sequence.context.length);
        return;
      case "ready":
        this.#decodes.withdraw(sequence);
        // What the step in flight reads is given back by commit (S3).
        if (!this.#isLoading(sequence)) this.#giveBack(sequence, state.blocks, sequence.context.length);
        return;
      case "running":
      case "ended":
        return;
      default:
        assertNever(state);
    }
  }

  /** Gives a prompt's blocks back; what is final of them stays findable for prompts that begin alike. */
  #giveBack(sequence: Sequence, blocks: readonly BlockId[], finalTokens: number): void {
    this.#pool.retire(blocks, sequence.hashedContext, finalTokens);
  }
}
