import type { SamplingParams, SequenceId } from "@baton/core";

/** A sequence as handed to the scheduler. */
export interface SequenceSpec {
  readonly id: SequenceId;
  /** At least one token. */
  readonly promptTokenIds: readonly number[];
  /** How the answer begins, where another worker wrote its beginning; fewer than `maxTokens`. Treated as if written here. */
  readonly answeredTokenIds?: readonly number[];
  readonly sampling: SamplingParams;
  /**
   * Where the KV of the prompt (and of `answeredTokenIds`) comes from and what happens after it:
   * - `prefill`: compute it, sample the next token, keep the blocks for a hand-over until `release`;
   * - `decode`: reserve blocks for KV that somebody else fills, then continue from a given token;
   * - `generate`: compute it and go on to decode here.
   */
  readonly goal: "prefill" | "decode" | "generate";
  /** Passed on to whoever chooses tokens: where it is told which ones a grammar allows. */
  readonly maskChannel?: SharedArrayBuffer | undefined;
}
