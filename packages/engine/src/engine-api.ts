import type {
  BatonError,
  BlockId,
  ExternalTraceHeader,
  FinishReason,
  SampledToken,
  SamplingParams,
  SequenceId,
} from "@baton/core";
import type { PrefixCache } from "@baton/kv-cache";
import type { SchedulerStatus, SequenceEvent, SequenceSpec } from "@baton/scheduler";
import type { AnswerConstraint } from "./grammar/compiled-grammar.ts";
import type { ModelInfo } from "./model-runner.ts";

/**
 * What happens to one sequence: the scheduler's events; `failed` also when the whole engine does. Nothing follows
 * `finished` or `failed`.
 */
export type EngineEvent = SequenceEvent & {
  /** Epoch ms at which the event happened. */
  readonly at: number;
};

/** A sequence as handed to the engine. */
export interface EngineRequest extends SequenceSpec {
  /** Trace context of the request that it belongs to; told with every step that serves it. */
  readonly externalTraceHeader?: ExternalTraceHeader | undefined;
  /** What `EngineApi.constraint` gave for this sequence; begins with it. */
  readonly constraint?: AnswerConstraint | undefined;
}

/** One sequence in the engine; the holder ends it by `finished`, `cancel` or (goal `prefill`) `release`. */
export interface SequenceHandle {
  readonly id: SequenceId;
  /** Goal `decode`: resolves with the blocks for the whole prompt; rejects with the signal's reason when it aborts. */
  reserve(signal: AbortSignal): Promise<readonly BlockId[]>;
  /**
   * Goal `decode`: the KV is in the blocks; decode from here.
   * @throws BatonError `invalid_argument` for a token that is not in the vocabulary.
   */
  ready(first: SampledToken): void;
  /** The block table, while the sequence has one. */
  blocks(): readonly BlockId[];
  /** Ends it as finished with this reason (`finished` event follows), unless it already ended. */
  finish(reason: FinishReason): void;
  /** Drops it; no event follows. Safe to call at any time, any number of times. */
  cancel(): void;
  /** Goal `prefill`: gives the blocks back after the hand-over. Safe to call any number of times. */
  release(): void;
}

/**
 * The engine as the rest of a worker sees it: sequences in, events out. Runs the loop schedule → execute (engine
 * thread) → commit. Never blocks the main thread.
 */
export interface EngineApi {
  readonly info: ModelInfo;
  /** Bytes of one block in shared memory: read when sending KV, written when receiving it. Length `kvBytesPerBlock`. */
  blockBytes(block: BlockId): Uint8Array;
  /**
   * Adds a sequence. `onEvent` is called on the main thread, in order, never re-entrantly from within `submit`.
   * @throws BatonError as `SchedulerApi.add` does; `invalid_argument` for a token that is not in the vocabulary; `unavailable` once the engine failed or is closing.
   */
  submit(spec: EngineRequest, onEvent: (event: EngineEvent) => void): SequenceHandle;
  /**
   * What a sequence with these parameters must be submitted with; undefined without a grammar. Resolves once the grammar
   * is compiled, beside the steps. The caller disposes of it after the sequence.
   * @throws BatonError `invalid_argument` for a grammar that cannot be compiled or a model without a vocabulary,
   *   `overloaded` when too many grammars are in use, and the signal's reason.
   */
  constraint(sampling: SamplingParams, signal: AbortSignal): Promise<AnswerConstraint | undefined>;
  status(): SchedulerStatus;
  /** What of earlier prompts can be found. */
  readonly prefixCache: PrefixCache;
  /** Settles when the engine thread dies: every sequence has had its `failed` event by then. Never settles on close. */
  readonly failed: Promise<BatonError>;
  /** Cancels every sequence, ends the thread. */
  close(): Promise<void>;
}
