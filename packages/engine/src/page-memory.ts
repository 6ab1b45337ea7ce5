/**
 * Owns the KV of the running batch, in pages of `PAGE_TOKENS` tokens: `[pages][kvHeads][PAGE_TOKENS][headDim]` per plane,
 * in memory that is taken once. The page axis comes first, so the first n pages are a view. Which page is whose is
 * told by page tables, which come with every call: the pages of a sequence in the order of its tokens.
 *
 *   G1  #tokens[p] tokens of page p are valid; what lies behind them is finite, and seen by nobody.
 */
import { BatonError, type BlockId, type KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import { copyBlocksToRows, copyRowsToBlocks, type KvRows, planeCount, rowElements } from "./kv-rows.ts";

/**
 * Tokens of a page. Its K or V of one head, 32 KiB in heads of 64, stays in the first-level cache while the query heads
 * that share it take their turns: with 64 tokens a step takes 3 % longer, with 256 it reads more padding.
 */
export const PAGE_TOKENS = 128;

/** A sequence of the batch: its pages, and the tokens in them. */
export interface PagedSequence {
  readonly pages: readonly number[];
  readonly position: number;
}

/** Tokens [start, end) of a sequence, its pages and its blocks. */
export interface PagedRange {
  readonly pages: readonly number[];
  readonly blocks: readonly BlockId[];
  readonly start: number;
  readonly end: number;
}

/** The pages of a decode batch. */
export class PageMemory {
  readonly layout: KvLayout;
  readonly #memory: KvMemory;
  readonly #pageElements: number;
  /** Pages are only used once touched. */
  readonly #planes: readonly Float32Array[];
  readonly #tokens: number[];

  /** @param batchTokens tokens that fit into all pages together */
  constructor(memory: KvMemory, batchTokens: number) {
    this.#memory = memory;
    this.layout = memory.layout;
    this.#pageElements = rowElements(this.layout, PAGE_TOKENS);
    const pages = Math.floor(batchTokens / PAGE_TOKENS);
    const elements = pages * this.#pageElements;
    this.#planes = Array.from({ length: planeCount(this.layout) }, () => new Float32Array(elements));
    this.#tokens = Array.from({ length: pages }, () => 0);
  }

  /** Copies part of a sequence from its blocks into its pages, which hold what is before. */
  load({ pages, blocks, start, end }: PagedRange): void {
    for (const part of partsOf(start, end)) {
      const page = pages[part.index]!;
      copyBlocksToRows(this.#memory, { blocks, ...part }, this.#rowsOf(page, part.index));
      this.#tokens[page] = part.end - part.index * PAGE_TOKENS;
    }
  }

  /** Copies part of a sequence from its pages into its blocks, which hold what is before. */
  save({ pages, blocks, start, end }: PagedRange): void {
    for (const part of partsOf(start, end)) {
      const page = pages[part.index]!;
      const held = part.index * PAGE_TOKENS + this.#tokens[page]!;
      if (held < part.end) throw wrongTokens("save", page, held, part.end);
      copyRowsToBlocks(this.#rowsOf(page, part.index), this.#memory, { blocks, ...part });
    }
  }

  /** Copies a page to another place; its old place is free afterwards. */
  move(from: number, to: number): void {
    const start = from * this.#pageElements;
    for (const plane of this.#planes) {
      plane.copyWithin(to * this.#pageElements, start, start + this.#pageElements);
    }
    this.#tokens[to] = this.#tokens[from]!;
  }

  /** Overwrites pages with zeros: nothing of what a broken sequence left may be found there. */
  clear(pages: readonly number[]): void {
    for (const page of pages) {
      const start = page * this.#pageElements;
      for (const plane of this.#planes) plane.fill(0, start, start + this.#pageElements);
    }
  }

  /** Throws unless the pages of each sequence hold its tokens, and have room for one more. */
  check(sequences: readonly PagedSequence[]): void {
    for (const { pages, position } of sequences) {
      for (const { index, end } of partsOf(0, position)) {
        const held = index * PAGE_TOKENS + this.#tokens[pages[index]!]!;
        if (held !== end) throw wrongTokens("continue", pages[index]!, held, end);
      }
      if (pages.length * PAGE_TOKENS <= position) {
        throw new BatonError("internal", `Cannot continue after "${position}" tokens: the pages are full`);
      }
    }
  }

  /** The first pages of each plane; a view. */
  views(pages: number): readonly Float32Array[] {
    return this.#planes.map((plane) => plane.subarray(0, pages * this.#pageElements));
  }

  /** Where the K and V of the token at `position` lies, as rows of which it is token 0. */
  rowsAt(pages: readonly number[], position: number): KvRows {
    const index = Math.floor(position / PAGE_TOKENS);
    const { planes, offset, length } = this.#rowsOf(pages[index]!, index);
    return { planes, offset: offset + position * this.layout.headDim, length };
  }

  /** Appends one token to each sequence: `tokens` are planes of `[sequences][kvHeads][headDim]`. */
  append(sequences: readonly PagedSequence[], tokens: readonly Float32Array[]): void {
    const { headDim, kvHeads } = this.layout;
    const places = sequences.flatMap(({ pages, position }) => {
      const { offset } = this.rowsAt(pages, position);
      return Array.from({ length: kvHeads }, (_, head) => offset + head * PAGE_TOKENS * headDim);
    });
    for (const [index, plane] of this.#planes.entries()) {
      const token = tokens[index]!;
      // Element by element: a head is too short for the cost of a view and a call.
      for (let row = 0; row < places.length; row++) {
        const to = places[row]!;
        const from = row * headDim;
        for (let element = 0; element < headDim; element++) plane[to + element] = token[from + element]!;
      }
    }
    for (const { pages, position } of sequences) {
      this.#tokens[pages[Math.floor(position / PAGE_TOKENS)]!] = (position % PAGE_TOKENS) + 1;
    }
  }

  /** A page as rows in which the sequence's own positions count: it is page number `index` of it. */
  #rowsOf(page: number, index: number): KvRows {
    const before = index * PAGE_TOKENS * this.layout.headDim;
    return { planes: this.#planes, offset: page * this.#pageElements - before, length: PAGE_TOKENS };
  }
}

/** The tokens [start, end) of a sequence, page by page. */
function partsOf(start: number, end: number) {
  const first = Math.floor(start / PAGE_TOKENS);
  const count = Math.ceil(end / PAGE_TOKENS) - first;
  return Array.from({ length: Math.max(0, count) }, (_, i) => ({
    index: first + i,
    start: Math.max(start, (first + i) * PAGE_TOKENS),
    end: Math.min(end, (first + i + 1) * PAGE_TOKENS),
  }));
}

function wrongTokens(action: string, page: number, held: number, expected: number): BatonError {
  return new BatonError(
    "internal",
    `Cannot ${action} page "${page}": it holds its sequence up to token ${held}, expected ${expected}`,
  );
}
