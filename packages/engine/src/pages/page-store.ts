/** What holds the elements of pages; one implementation for each type of elements. */
import type { KvRange } from "../kv-rows.ts";

/**
 * Tokens of a page. Its K or V of one head, 32 KiB in heads of 64, stays in the first-level cache while the query heads
 * that share it take their turns: with 64 tokens a step takes 3 % longer, with 256 it reads more padding.
 */
export const PAGE_TOKENS = 128;

/** Tokens [start, end) of a sequence, all in its page number `index`. */
export interface PagePart extends KvRange {
  readonly index: number;
}

/** Where a token is. */
export interface PagePlace {
  readonly page: number;
  /** Within the page. */
  readonly token: number;
}

/** An input of the decode graph. */
export interface PageInput {
  readonly name: string;
  readonly type: "float32" | "int8";
  readonly data: Float32Array | Int8Array;
  readonly dims: readonly number[];
}

/** A fixed number of pages, which are only used once touched. */
export interface PageStore {
  readonly pages: number;
  /** Copies part of a sequence from its blocks into a page. */
  load(page: number, part: PagePart): void;
  /** Copies part of a sequence from a page into its blocks. */
  save(page: number, part: PagePart): void;
  /** Copies a page to another place. */
  move(from: number, to: number): void;
  /** Overwrites a page with zeros. */
  clear(page: number): void;
  /** Writes one token at each of the places: `tokens` are planes of `[places][kvHeads][headDim]`. */
  write(places: readonly PagePlace[], tokens: readonly Float32Array[]): void;
  /** The first pages, as inputs of the decode graph; views. */
  inputs(pages: number): readonly PageInput[];
}
