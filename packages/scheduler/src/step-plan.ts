import type { BlockId, SampledToken, SamplingParams, SequenceId } from "@baton/core";

/**
 * What one engine step computes, as plain data: the scheduler writes it, the engine thread executes it, the scheduler
 * commits the outcome. Executed in the order of the fields.
 */
export interface StepPlan {
  readonly stepId: number;
  /** KV of answers that ended, to be kept for prompts that go on from them. */
  readonly saves: readonly PageSave[];
  /** Copies that keep the pages in use together. */
  readonly moves: readonly PageMove[];
  /** Sequences whose KV is complete in blocks, on their way into the decode batch. */
  readonly loads: readonly PageLoad[];
  readonly prefills: readonly PrefillChunk[];
  /** Pages that are read: those of all decodes lie below it. */
  readonly pages: number;
  /** One new token for each. */
  readonly decodes: readonly DecodeEntry[];
}

/** Copy the KV of `tokenIds`, at position `start` and on, out of pages into blocks, which hold what is before. */
export interface PageSave {
  /** The whole page table of a sequence that ended. */
  readonly pages: readonly number[];
  readonly blocks: readonly BlockId[];
  readonly start: number;
  readonly tokenIds: readonly number[];
}

/** Copy page `from` to page `to`; `from` is free afterwards. */
export interface PageMove {
  readonly from: number;
  readonly to: number;
}

/** Copy the KV of tokens [start, end) out of blocks into pages. The blocks stay as they are until the step is committed. */
export interface PageLoad {
  readonly sequenceId: SequenceId;
  /** The sequence's whole page table. */
  readonly pages: readonly number[];
  /** The sequence's whole block table. */
  readonly blocks: readonly BlockId[];
  readonly start: number;
  readonly end: number;
  /**
   * Present where all is there and the sequence enters the batch: how to choose the tokens that follow, for as long as
   * it runs. It is not sent again.
   */
  readonly sample?: SampleRequest;
}

/** Compute the KV of part of a prompt and write it into the sequence's blocks. */
export interface PrefillChunk {
  readonly sequenceId: SequenceId;
  /** The sequence's whole block table; tokens before `start` are already there. */
  readonly blocks: readonly BlockId[];
  /** Position of the chunk's first token. */
  readonly start: number;
  readonly tokenIds: readonly number[];
  /** Tokens of the whole prompt (after a retraction, with the answer so far), so that the engine can size its workspace once. */
  readonly promptTokens: number;
  /** Present on the last chunk only: sample the first token of the answer. */
  readonly sample?: SampleRequest;
}

/** Compute one more token of a running sequence. */
export interface DecodeEntry {
  readonly sequenceId: SequenceId;
  /** The newest token, whose KV is computed by this step. */
  readonly tokenId: number;
  /** Its position, which is also the number of tokens already in its pages. */
  readonly position: number;
  /** The sequence's whole page table, with room for one more token. */
  readonly pages: readonly number[];
}

/** How to choose the next token of a sequence, and those after it. */
export interface SampleRequest {
  readonly sampling: SamplingParams;
  /** Index of the next token in the answer, 0 for the first: the random number depends on it and on the seed alone. */
  readonly outputIndex: number;
  /** Present if a penalty asks for it. */
  readonly written?: WrittenTokens;
  /** Present if a grammar restricts the tokens. */
  readonly maskChannel?: SharedArrayBuffer;
}

/** The tokens of a sequence so far. */
export interface WrittenTokens {
  readonly promptTokenIds: readonly number[];
  /** `outputIndex` tokens. */
  readonly answerTokenIds: readonly number[];
}

/** What a step did; `prefills[i]` and `decodes[i]` answer the plan's entries of the same index. */
export interface StepOutcome {
  readonly stepId: number;
  readonly prefills: readonly PrefillOutcome[];
  /** One per decode entry. */
  readonly decodes: readonly TokenOutcome[];
  /** Epoch ms around the step's decode batch; equal when it had none. */
  readonly decodeStartedAt: number;
  readonly decodeEndedAt: number;
  /** Milliseconds of the step that were spent in the graphs. */
  readonly graphMs: number;
}

/** A token, or why none could be chosen: this ends the sequence, and no other. */
export type TokenOutcome = SampledToken | { readonly failure: string };

/** A computed chunk, or one whose computation was left half-way. */
export interface PrefillOutcome {
  /** Present if nothing of the chunk is final. Only of a sequence that has ended since the plan. */
  readonly stopped?: true;
  /** The next token of the answer, where the chunk asked to sample it. */
  readonly token?: TokenOutcome;
  /** Epoch ms around the chunk's computation. */
  readonly startedAt: number;
  readonly endedAt: number;
}
