/**
 * Pages of bytes: each token's K and V of a head in 8 bits an element, with a scale of their own, so that what a
 * sequence reads does not depend on others. Laid out as the graph reads it (model/src/graph/attention/int8-pages.ts):
 *
 *   levels   K [pages][kvHeads][headDim][PAGE_TOKENS], V [pages][kvHeads][PAGE_TOKENS][headDim]
 *   scales   [pages][kvHeads][PAGE_TOKENS]: the largest magnitude / 127
 *   offsets  of K, [pages][kvHeads][PAGE_TOKENS]: 128 * the sum of levels * scale
 *
 * A token with an element that is not a number has a scale that is none, so that it is found in the logits.
 */
import { BatonError, type KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import { inBlock, planeCount, planeName, runsOf } from "../kv-rows.ts";
import { Int8Quantizer } from "./int8-quantizer.ts";
import { PAGE_TOKENS, type PageInput, type PagePart, type PagePlace, type PageStore } from "./page-store.ts";

/** What the graph adds to the levels of queries. */
const QUERY_ZERO = 128;

/** The K or the V of one layer. */
type BytePlane = KeyPlane | ValuePlane;

interface ValuePlane {
  readonly kind: "v";
  readonly levels: Int8Array;
  readonly scales: Float32Array;
}

interface KeyPlane extends Omit<ValuePlane, "kind"> {
  readonly kind: "k";
  readonly offsets: Float32Array;
}

export class Int8Pages implements PageStore {
  readonly pages: number;
  readonly #layout: KvLayout;
  readonly #memory: KvMemory;
  readonly #planes: readonly BytePlane[];
  readonly #quantizer: Int8Quantizer;

  constructor(memory: KvMemory, pages: number) {
    this.#quantizer = new Int8Quantizer(memory.layout.headDim, PAGE_TOKENS);
    this.pages = pages;
    this.#memory = memory;
    this.#layout = memory.layout;
    const tokens = pages * this.#layout.kvHeads * PAGE_TOKENS;
    this.#planes = Array.from({ length: planeCount(this.#layout) }, (_, plane) => {
      const levels = new Int8Array(tokens * this.#layout.headDim);
      const scales = new Float32Array(tokens);
      return plane % 2 === 0
        ? { kind: "k", levels, scales, offsets: new Float32Array(tokens) }
        : { kind: "v", levels, scales };
    });
  }

  load(page: number, part: PagePart): void {
    const { headDim, kvHeads } = this.#layout;
    const runs = runsOf(this.#memory, part);
    const first = part.start - part.index * PAGE_TOKENS;
    const count = part.end - part.start;
    for (const [index, plane] of this.#planes.entries()) {
      for (let head = 0; head < kvHeads; head++) {
        for (const run of runs) {
          const from = inBlock(this.#layout, run, index, head);
          const to = (run.token - part.start) * headDim;
          this.#quantizer.vectors.set(run.block.subarray(from, from + run.tokens * headDim), to);
        }
        const row = page * kvHeads + head;
        if (plane.kind === "k") this.#writeColumns(plane, row, first, count);
        else this.#writeRows(plane, row, first, count);
      }
    }
  }

  /** Blocks are exact: others compute on from what is in them. */
  save(): void {
    throw new BatonError(
      "internal",
      "Cannot save pages of int8: blocks hold what was computed, not nearly that",
    );
  }

  move(from: number, to: number): void {
    for (const [array, size] of this.#arrays()) array.copyWithin(to * size, from * size, (from + 1) * size);
  }

  clear(page: number): void {
    for (const [array, size] of this.#arrays()) array.fill(0, page * size, (page + 1) * size);
  }

  write(places: readonly PagePlace[], tokens: readonly Float32Array[]): void {
    const { headDim, kvHeads } = this.#layout;
    const vectors = places.length * kvHeads;
    for (const [index, plane] of this.#planes.entries()) {
      for (let from = 0; from < vectors; from += PAGE_TOKENS) {
        const count = Math.min(PAGE_TOKENS, vectors - from);
        this.#quantizer.vectors.set(tokens[index]!.subarray(from * headDim, (from + count) * headDim));
        this.#quantizer.quantizeRows(count);
        for (let vector = 0; vector < count; vector++) {
          const { page, token } = places[Math.floor((from + vector) / kvHeads)]!;
          this.#place(plane, page * kvHeads + ((from + vector) % kvHeads), token, vector);
        }
      }
    }
  }

  inputs(pages: number): readonly PageInput[] {
    const { headDim, kvHeads } = this.#layout;
    const rows = pages * kvHeads * PAGE_TOKENS;
    const ofTokens = (name: string, values: Float32Array): PageInput => {
      const dims = [pages, kvHeads, 1, PAGE_TOKENS];
      return { name, type: "float32", data: values.subarray(0, rows), dims };
    };
    return this.#planes.flatMap((plane, index) => {
      const name = planeName("past", index);
      const shape = plane.kind === "k" ? [headDim, PAGE_TOKENS] : [PAGE_TOKENS, headDim];
      const data = plane.levels.subarray(0, rows * headDim);
      return [
        { name, type: "int8", data, dims: [pages, kvHeads, 1, ...shape] },
        ofTokens(`${name}.scale`, plane.scales),
        ...(plane.kind === "k" ? [ofTokens(`${name}.offset`, plane.offsets)] : []),
      ];
    });
  }

  /** Writes tokens of V from the quantizer into a head's part of a page. @param row page and head */
  #writeRows({ levels, scales }: ValuePlane, row: number, first: number, count: number): void {
    const { headDim } = this.#layout;
    this.#quantizer.quantizeRows(count);
    const at = row * PAGE_TOKENS + first;
    levels.set(this.#quantizer.levels.subarray(0, count * headDim), at * headDim);
    scales.set(this.#quantizer.scales.subarray(0, count), at);
  }

  /** Writes tokens of K, which lie transposed. */
  #writeColumns({ levels, scales, offsets }: KeyPlane, row: number, first: number, count: number): void {
    const size = this.#layout.headDim * PAGE_TOKENS;
    const columns = levels.subarray(row * size, (row + 1) * size);
    if (count < PAGE_TOKENS) this.#quantizer.levels.set(columns);
    this.#quantizer.quantizeColumns(first, count);
    columns.set(this.#quantizer.levels);
    const at = row * PAGE_TOKENS + first;
    for (let token = 0; token < count; token++) {
      const scale = this.#quantizer.scales[token]!;
      scales[at + token] = scale;
      offsets[at + token] = QUERY_ZERO * this.#quantizer.sums[token]! * scale;
    }
  }

  /** Writes one vector of the quantizer's rows as one token of a head. */
  #place(plane: BytePlane, row: number, token: number, vector: number): void {
    const { headDim } = this.#layout;
    const { levels, scales, sums } = this.#quantizer;
    const at = row * PAGE_TOKENS + token;
    const from = vector * headDim;
    const target = plane.levels;
    if (plane.kind === "k") {
      let to = row * PAGE_TOKENS * headDim + token;
      for (let i = 0; i < headDim; i++, to += PAGE_TOKENS) target[to] = levels[from + i]!;
    } else {
      const to = at * headDim;
      for (let i = 0; i < headDim; i++) target[to + i] = levels[from + i]!;
    }
    const scale = scales[vector]!;
    plane.scales[at] = scale;
    if (plane.kind === "k") plane.offsets[at] = QUERY_ZERO * sums[vector]! * scale;
  }

  /** All memory, with the elements that a page has in each. */
  *#arrays(): Iterable<readonly [Int8Array | Float32Array, number]> {
    for (const plane of this.#planes) {
      yield [plane.levels, plane.levels.length / this.pages];
      yield [plane.scales, plane.scales.length / this.pages];
      if (plane.kind === "k") yield [plane.offsets, plane.offsets.length / this.pages];
    }
  }
}
