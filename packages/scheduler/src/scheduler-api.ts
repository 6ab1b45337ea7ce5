import type { BlockId, FinishReason, SampledToken, SequenceId } from "@baton/core";
import type { PrefixCache } from "@baton/kv-cache";
import type { SequenceEvent } from "./sequence-event.ts";
import type { SequenceSpec } from "./sequence-spec.ts";
import type { StepOutcome, StepPlan } from "./step-plan.ts";

/** Bounds of a scheduler; all whole numbers of at least 1. */
export interface SchedulerLimits {
  /** Tokens of one prefill chunk. */
  readonly chunkTokens: number;
  /** Prefill tokens of one step, over all its chunks. */
  readonly stepPrefillTokens: number;
  /** Sequences of the decode batch. */
  readonly maxRunning: number;
  /** Tokens for which decode memory has room, in pages of `pageTokens` tokens of one sequence each. */
  readonly batchTokens: number;
  readonly pageTokens: number;
  /** Tokens that are loaded into pages in one step of a batch. */
  readonly loadTokens: number;
  /** Sequences accepted and not yet finished; one more is refused as overloaded. */
  readonly maxSequences: number;
  /** Longest prompt plus answer, in tokens. */
  readonly maxModelTokens: number;
}

/** Figures of a scheduler and its pool at one moment; at rest free + cached = total. */
export interface SchedulerStatus {
  readonly waiting: number;
  readonly prefilling: number;
  /** Goal `prefill`: computed, blocks kept for a hand-over. */
  readonly holding: number;
  /** Goal `decode`: blocks reserved, KV still arriving. */
  readonly receiving: number;
  /** KV complete, waiting for a place in the batch. */
  readonly ready: number;
  readonly running: number;
  /** Prompt tokens still to be computed, of sequences that wait or are prefilling. */
  readonly waitingTokens: number;
  /** Times that a running sequence was taken out of the batch because memory ran short. */
  readonly retractions: number;
  readonly blocks: {
    readonly total: number;
    readonly free: number;
    readonly cached: number;
    readonly used: number;
  };
  readonly prefixCache: { readonly hitTokens: number; readonly missTokens: number };
}

/**
 * Decides, does not act: no I/O, no clock, no threads. One plan is out at a time: `schedule`, execute, `commit`.
 * Sequences of one queue are served first come, first served.
 */
export interface SchedulerApi {
  /**
   * Accepts a sequence. Goals `prefill` and `generate` queue for blocks at once, goal `decode` when it reserves them.
   * @throws BatonError `overloaded` at `maxSequences`; `invalid_argument` when the prompt is empty, `maxTokens` is below
   *   1 or not above the tokens that are answered, prompt plus `maxTokens` exceed `maxModelTokens`, or blocks or pages could never hold all of it; `internal` when
   *   the id is in use.
   */
  add(spec: SequenceSpec): void;
  /**
   * Goal `decode`: asks for the blocks of the whole prompt, all or nothing, in order of asking.
   * `granted` is called at once or from a later call that gives blocks back; never after the sequence is cancelled. It
   * must not throw. Unknown ids are ignored.
   * @throws BatonError `internal` when the sequence has asked before.
   */
  reserve(id: SequenceId, granted: (blocks: readonly BlockId[]) => void): void;
  /**
   * Goal `decode`: the reserved blocks are filled; continue from the `first` token. Returns the events that follow at
   * once: `token`, and `finished` when the first token ends the answer (it never enters the batch then). Unknown ids are ignored.
   * @throws BatonError `internal` when no blocks are reserved.
   */
  ready(id: SequenceId, first: SampledToken): readonly SequenceEvent[];
  /**
   * Goal `prefill`: the hand-over is over, well or not; drops the sequence, in any state. Unknown ids are ignored.
   * @throws BatonError `internal` for another goal.
   */
  release(id: SequenceId): void;
  /**
   * Drops a sequence in any state. What a step in flight uses is given back when it is committed, everything else at
   * once: whoever sends from or receives into its blocks must have stopped. Unknown ids are ignored.
   */
  cancel(id: SequenceId): void;
  /**
   * Ends a decoding sequence as finished (a stop string matched at the router). Returns the `finished` event, or
   * nothing when it already ended (goal `prefill`: holding); otherwise as `cancel`.
   */
  finish(id: SequenceId, reason: FinishReason): readonly SequenceEvent[];
  /** The block table of a sequence that has one (prefilling, holding, receiving, ready). */
  blocksOf(id: SequenceId): readonly BlockId[] | undefined;
  /**
   * The next step with the `prefill-start` and `decode-start` events of what joins it, or undefined when there is
   * nothing to compute. Throws if the previous plan is not committed.
   */
  schedule(): { readonly plan: StepPlan; readonly events: readonly SequenceEvent[] } | undefined;
  /** Takes the outcome of the plan that is out. Sequences cancelled meanwhile produce no events. */
  commit(outcome: StepOutcome): readonly SequenceEvent[];
  /**
   * Drops the plan that is out, every sequence and the prefix cache: the engine failed and no longer runs. Returns the
   * ids that were alive.
   */
  reset(): readonly SequenceId[];
  status(): SchedulerStatus;
  /** What of earlier prompts can be found. */
  readonly prefixCache: PrefixCache;
}
