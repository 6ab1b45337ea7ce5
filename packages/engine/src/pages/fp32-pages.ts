/** Pages of float32: `[pages][kvHeads][PAGE_TOKENS][headDim]` per plane, so the first n pages are a view. */
import type { KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import {
  copyBlocksToRows,
  copyRowsToBlocks,
  type KvRows,
  planeCount,
  planeName,
  rowElements,
} from "../kv-rows.ts";
import { PAGE_TOKENS, type PageInput, type PagePart, type PagePlace, type PageStore } from "./page-store.ts";

export class Fp32Pages implements PageStore {
  readonly pages: number;
  readonly #layout: KvLayout;
  readonly #memory: KvMemory;
  readonly #pageElements: number;
  readonly #planes: readonly Float32Array[];

  constructor(memory: KvMemory, pages: number) {
    this.pages = pages;
    this.#memory = memory;
    this.#layout = memory.layout;
    this.#pageElements = rowElements(this.#layout, PAGE_TOKENS);
    const elements = pages * this.#pageElements;
    this.#planes = Array.from({ length: planeCount(this.#layout) }, () => new Float32Array(elements));
  }

  load(page: number, part: PagePart): void {
    copyBlocksToRows(this.#memory, part, this.#rowsOf(page, part.index));
  }

  save(page: number, part: PagePart): void {
    copyRowsToBlocks(this.#rowsOf(page, part.index), this.#memory, part);
  }

  move(from: number, to: number): void {
    const start = from * this.#pageElements;
    for (const plane of this.#planes) {
      plane.copyWithin(to * this.#pageElements, start, start + this.#pageElements);
    }
  }

  clear(page: number): void {
    const start = page * this.#pageElements;
    for (const plane of this.#planes) plane.fill(0, start, start + this.#pageElements);
  }

  write(places: readonly PagePlace[], tokens: readonly Float32Array[]): void {
    const { headDim, kvHeads } = this.#layout;
    const heads = places.flatMap((place) => {
      const { offset, length } = this.rowsAt(place);
      return Array.from({ length: kvHeads }, (_, head) => offset + head * length * headDim);
    });
    for (const [index, plane] of this.#planes.entries()) {
      const token = tokens[index]!;
      // Element by element: a head is too short for the cost of a view and a call.
      for (let row = 0; row < heads.length; row++) {
        const to = heads[row]!;
        const from = row * headDim;
        for (let element = 0; element < headDim; element++) plane[to + element] = token[from + element]!;
      }
    }
  }

  inputs(pages: number): readonly PageInput[] {
    const { kvHeads, headDim } = this.#layout;
    const dims = [pages, kvHeads, 1, PAGE_TOKENS, headDim];
    return this.#planes.map((plane, index) => {
      const data = plane.subarray(0, pages * this.#pageElements);
      return { name: planeName("past", index), type: "float32", data, dims };
    });
  }

  /** Where the K and V of a token lies, as rows of which it is token 0. */
  rowsAt({ page, token }: PagePlace): KvRows {
    const offset = page * this.#pageElements + token * this.#layout.headDim;
    return { planes: this.#planes, offset, length: PAGE_TOKENS };
  }

  /** A page as rows in which the sequence's own positions count: it is page number `index` of it. */
  #rowsOf(page: number, index: number): KvRows {
    return this.rowsAt({ page, token: -index * PAGE_TOKENS });
  }
}
