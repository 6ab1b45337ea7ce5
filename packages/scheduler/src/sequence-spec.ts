import type { SamplingParams, SequenceId } from "@baton/core";

/** A sequence as handed to the scheduler. */
export interface SequenceSpec {
  readonly id: SequenceId;
  /** At least one token. */
  readonly promptTokenIds: readonly number[];
  readonly sampling: SamplingParams;
  /**
   * Where the prompt's KV comes from and what happens after it:
   * - `prefill`: compute it, sample the first token, keep the blocks for a hand-over until `release`;
   * - `decode`: reserve blocks for KV that somebody else fills, then continue from a given first token;
   * - `generate`: compute it and go on to decode here.
   */
  readonly goal: "prefill" | "decode" | "generate";
}
