import type { BatonError, FinishReason, SequenceId, TokenLogprobs } from "@baton/core";

/** What committing a step means for one sequence, in the order in which it happened. */
export type SequenceEvent =
  /** Blocks are reserved; the first chunk is in the next plan. */
  | { readonly type: "prefill-start"; readonly sequenceId: SequenceId; readonly cachedTokens: number }
  /** KV of tokens [start, start + count) is final in the sequence's blocks. */
  | {
      readonly type: "prefill-chunk";
      readonly sequenceId: SequenceId;
      readonly start: number;
      readonly count: number;
      readonly startedAt: number;
      readonly endedAt: number;
    }
  /** The sequence entered the decode batch. */
  | { readonly type: "decode-start"; readonly sequenceId: SequenceId }
  /** Memory ran short: the sequence left the batch. Nothing is told of how its KV is computed again. */
  | { readonly type: "retracted"; readonly sequenceId: SequenceId }
  /** It entered the batch once more, and goes on where it was. */
  | { readonly type: "resumed"; readonly sequenceId: SequenceId }
  /**
   * A token of the answer; the first, index 0 unless the answer began elsewhere, comes from the prefill. A stop token is not reported, with one exception: a sequence
   * of goal `prefill` always reports its token, because the worker hands it over and the other side judges it.
   */
  | {
      readonly type: "token";
      readonly sequenceId: SequenceId;
      readonly tokenId: number;
      readonly index: number;
      /** Where the request asked for them. */
      readonly logprobs?: TokenLogprobs;
    }
  /**
   * The sequence ended well. A sequence of goal `prefill` ends with reason `length` after its one token and keeps its
   * blocks until `release`; every other has released its blocks and its pages.
   */
  | { readonly type: "finished"; readonly sequenceId: SequenceId; readonly reason: FinishReason }
  /** The sequence ended badly, alone: its blocks and its pages are released, goal `prefill` included. */
  | { readonly type: "failed"; readonly sequenceId: SequenceId; readonly error: BatonError };
