/**
 * Owns the KV of the running batch, in pages of `PAGE_TOKENS` tokens. Which page is whose is told by page tables, which
 * come with every call: the pages of a sequence in the order of its tokens.
 *
 *   G1  #tokens[p] tokens of page p are valid; what lies behind them is finite, and seen by nobody.
 */
import { BatonError, type BlockId } from "@baton/core";
import { PAGE_TOKENS, type PageInput, type PagePlace, type PageStore } from "./page-store.ts";

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
  readonly #store: PageStore;
  readonly #tokens: number[];

  constructor(store: PageStore) {
    this.#store = store;
    this.#tokens = Array.from({ length: store.pages }, () => 0);
  }

  /** Copies part of a sequence from its blocks into its pages, which hold what is before. */
  load({ pages, blocks, start, end }: PagedRange): void {
    for (const part of partsOf(start, end)) {
      const page = pages[part.index]!;
      this.#store.load(page, { blocks, ...part });
      this.#tokens[page] = part.end - part.index * PAGE_TOKENS;
    }
  }

  /** Copies part of a sequence from its pages into its blocks, which hold what is before. */
  save({ pages, blocks, start, end }: PagedRange): void {
    for (const part of partsOf(start, end)) {
      const page = pages[part.index]!;
      const held = part.index * PAGE_TOKENS + this.#tokens[page]!;
      if (held < part.end) throw wrongTokens("save", page, held, part.end);
      this.#store.save(page, { blocks, ...part });
    }
  }

  /** Copies a page to another place; its old place is free afterwards. */
  move(from: number, to: number): void {
    this.#store.move(from, to);
    this.#tokens[to] = this.#tokens[from]!;
  }

  /** Overwrites pages with zeros: nothing of what a broken sequence left may be found there. */
  clear(pages: readonly number[]): void {
    for (const page of pages) this.#store.clear(page);
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

  /** The first pages, as inputs of the decode graph; views. */
  inputs(pages: number): readonly PageInput[] {
    return this.#store.inputs(pages);
  }

  /** Appends one token to each sequence: `tokens` are planes of `[sequences][kvHeads][headDim]`. */
  append(sequences: readonly PagedSequence[], tokens: readonly Float32Array[]): void {
    const places = sequences.map(({ pages, position }) => placeOf(pages, position));
    this.#store.write(places, tokens);
    for (const { page, token } of places) this.#tokens[page] = token + 1;
  }
}

/** Where the token at `position` of a sequence is. */
export function placeOf(pages: readonly number[], position: number): PagePlace {
  return { page: pages[Math.floor(position / PAGE_TOKENS)]!, token: position % PAGE_TOKENS };
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
