import type { BlockId, KvLayout } from "@baton/core";
import type { ChunkStop } from "./chunk-stop.ts";
import type { PagedSequence, PageMemory } from "./pages/page-memory.ts";

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

/** One row of a decode batch. */
export interface RunnerRow extends PagedSequence {
  readonly tokenId: number;
  /** Position of the token, equal to the number of tokens in its pages before this step. */
  readonly position: number;
}

/**
 * Runs the model. Lives in the engine thread, one call at a time. Block memory is shared with the main thread;
 * page memory is the runner's own. Implemented by the ONNX runner and by a deterministic fake.
 */
export interface ModelRunner {
  readonly info: ModelInfo;
  /** The KV of the batch, which the plan of a step fills, empties and moves before the runner decodes. */
  readonly pages: Pick<PageMemory, "load" | "save" | "move" | "clear">;
  /** Milliseconds spent in the graphs so far; what else a step takes is overhead. */
  readonly graphMs: number;
  /**
   * Computes a chunk, writes its K and V into its blocks, returns the logits of its last position: `[vocabSize]`, the
   * caller's to change. Returns undefined if it was stopped before its end; its blocks are then as they were.
   */
  prefill(chunk: RunnerChunk, stop?: ChunkStop): Promise<Float32Array | undefined>;
  /**
   * One step of a batch whose pages lie below `pages`: appends each row's K and V to its pages and returns logits
   * `[rows.length, vocabSize]`, valid until the next call and the caller's to change.
   */
  decode(rows: readonly RunnerRow[], pages: number): Promise<Float32Array>;
  /** Frees sessions and memory. */
  close(): Promise<void>;
}
