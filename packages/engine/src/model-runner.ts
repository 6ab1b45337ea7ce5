import type { BlockId, KvLayout } from "@baton/core";

/** A model that can be run: fixed facts, the same in every process that loads the same checkpoint. */
export interface ModelInfo {
  readonly layout: KvLayout;
  readonly vocabSize: number;
  /** Longest prompt plus answer, in tokens. */
  readonly maxModelTokens: number;
}

/** Part of a prompt to compute; blocks hold tokens [0, start) already. */
export interface RunnerChunk {
  /** Identifies the sequence, so that a runner may keep its workspace between chunks. */
  readonly sequenceId: string;
  readonly blocks: readonly BlockId[];
  readonly start: number;
  readonly tokenIds: readonly number[];
  /** Tokens of the whole prompt. */
  readonly promptTokens: number;
}

/** One row of a decode batch; row i is slot i. */
export interface RunnerRow {
  readonly tokenId: number;
  /** Position of the token, equal to the number of tokens in the slot before this step. */
  readonly position: number;
}

/**
 * Runs the model. Lives in the engine thread, one call at a time. Block memory is shared with the main thread;
 * slot memory is the runner's own. Implemented by the ONNX runner and by a deterministic fake.
 */
export interface ModelRunner {
  readonly info: ModelInfo;
  /** Milliseconds spent in the graphs so far; what else a step takes is overhead. */
  readonly graphMs: number;
  /** Computes a chunk, writes its K and V into its blocks, returns the logits of its last position: `[vocabSize]`, the caller's to change. */
  prefill(chunk: RunnerChunk): Promise<Float32Array>;
  /** Keeps the first `slots` slots, and gives each room for `length` tokens. */
  resize(slots: number, length: number): void;
  /** Copies the first `tokenCount` tokens of a sequence from blocks into a slot. */
  admit(slot: number, blocks: readonly BlockId[], tokenCount: number): void;
  /** Copies the tokens [start, end) of a sequence from a slot into blocks, which hold what is before. */
  save(slot: number, blocks: readonly BlockId[], start: number, end: number): void;
  /** Copies slot `from`, which holds `tokenCount` tokens, into slot `to`. */
  move(from: number, to: number, tokenCount: number): void;
  /**
   * One step of the batch in slots 0 … rows.length-1: appends each row's K and V to its slot and returns logits
   * `[rows.length, vocabSize]`, valid until the next call and the caller's to change.
   */
  decode(rows: readonly RunnerRow[]): Promise<Float32Array>;
  /** Overwrites all of slot `slot`, used or not: nothing of what a broken sequence left may be found there. */
  clear(slot: number): void;
  /** Frees sessions and memory. */
  close(): Promise<void>;
}
