import { type BlockId, blockId } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import { beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { newRows, rowElements } from "../kv-rows.ts";
import { fakeInfo } from "../testing/fake-info.ts";
import { Fp32Pages } from "./fp32-pages.ts";
import { PageMemory, placeOf } from "./page-memory.ts";
import { PAGE_TOKENS } from "./page-store.ts";

const { layout } = fakeInfo;
const PAGES = 8;
let memory: KvMemory;
let store: Fp32Pages;
let pages: PageMemory;

beforeEach(() => {
  memory = new KvMemory(layout, 256);
  store = new Fp32Pages(memory, PAGES);
  pages = new PageMemory(store);
});

/** Blocks of one sequence; no two elements are equal. */
function blocksFrom(first: number, tokens: number): readonly BlockId[] {
  const count = Math.ceil(tokens / layout.blockSize);
  const blocks = Array.from({ length: count }, (_, index) => blockId(first + index));
  for (const block of blocks) {
    const floats = memory.floats(block);
    for (let index = 0; index < floats.length; index++) floats[index] = block * floats.length + index;
  }
  return blocks;
}

/** A sequence's KV, token by token. */
function contentOf(table: readonly number[], tokens: number): number[] {
  return Array.from({ length: tokens }, (_, position) => {
    const { planes, offset, length } = store.rowsAt(placeOf(table, position));
    return planes.flatMap((plane) =>
      Array.from({ length: layout.kvHeads }, (_, head) => {
        const at = offset + head * length * layout.headDim;
        return [...plane.subarray(at, at + layout.headDim)];
      }).flat(),
    );
  }).flat();
}

describe("page memory", () => {
  test("holds what is loaded into it, in whatever parts, and gives back the same", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 * PAGE_TOKENS }),
        fc.array(fc.integer({ min: 1, max: 3 * PAGE_TOKENS }), { maxLength: 4 }),
        (tokens, cuts) => {
          const blocks = blocksFrom(0, tokens);
          const table = [5, 2, 7];
          const ends = [...cuts.filter((cut) => cut < tokens), tokens].toSorted((a, b) => a - b);
          ends.forEach((end, i) => {
            pages.load({ pages: table, blocks, start: ends[i - 1] ?? 0, end });
          });
          pages.check([{ pages: [...table, 0], position: tokens }]);
          const saved = blocksFrom(128, tokens);
          pages.save({ pages: table, blocks: saved, start: 0, end: tokens });
          pages.load({ pages: [1, 3, 4], blocks: saved, start: 0, end: tokens });
          expect(contentOf([1, 3, 4], tokens)).toEqual(contentOf(table, tokens));
        },
      ),
      { numRuns: 15 },
    );
  });

  test("moves a page with all that is in it", () => {
    pages.load({ pages: [6, 3], blocks: blocksFrom(0, 200), start: 0, end: 200 });
    const before = contentOf([6, 3], 200);
    pages.move(3, 0);
    pages.clear([3]);
    expect(contentOf([6, 0], 200)).toEqual(before);
    pages.check([{ pages: [6, 0], position: 200 }]);
  });

  test("gives the first pages as a view", () => {
    const views = pages.inputs(2).map(({ data }) => data);
    expect(views).toHaveLength(layout.layers * 2);
    expect(views[0]!.length).toBe(2 * rowElements(layout, PAGE_TOKENS));
    expect(views[0]!.buffer).toBe(store.rowsAt({ page: 0, token: 0 }).planes[0]!.buffer);
  });

  test("appends one token to each sequence of the batch, and to no other", () => {
    const tables = [[4], [2, 6], [1]];
    const tokens = [5, PAGE_TOKENS, 9];
    tokens.forEach((end, i) => {
      pages.load({ pages: tables[i]!, blocks: blocksFrom(i * 32, end), start: 0, end });
    });
    const before = tables.map((table, i) => contentOf(table, tokens[i]!));
    const planes = newRows(layout, 2).planes;
    for (const plane of planes) for (let at = 0; at < plane.length; at++) plane[at] = -1 - at;
    const batch = [0, 1].map((i) => ({ pages: tables[i]!, position: tokens[i]! }));
    pages.append(batch, planes);
    for (const i of [0, 1]) {
      const size = rowElements(layout, 1);
      const appended = planes.flatMap((plane) => [...plane.subarray(i * size, (i + 1) * size)]);
      expect(contentOf(tables[i]!, tokens[i]! + 1)).toEqual([...before[i]!, ...appended]);
    }
    expect(contentOf(tables[2]!, 9)).toEqual(before[2]);
    pages.check(batch.map(({ pages, position }) => ({ pages, position: position + 1 })));
  });

  test("shows nothing of pages that were cleared", () => {
    for (const page of [0, 1, 2])
      pages.load({ pages: [page], blocks: blocksFrom(page * 4, 10), start: 0, end: 10 });
    const others = [contentOf([0], 10), contentOf([2], 10)];
    pages.clear([1]);
    expect(contentOf([1], PAGE_TOKENS).every((value) => value === 0)).toBe(true);
    expect([contentOf([0], 10), contentOf([2], 10)]).toEqual(others);
  });

  test("refuses to save what is not there, and to go on where there is no room", () => {
    const blocks = blocksFrom(0, PAGE_TOKENS);
    pages.load({ pages: [1], blocks, start: 0, end: 20 });
    expect(() => pages.save({ pages: [1], blocks, start: 8, end: 24 })).toThrow(
      'Cannot save page "1": it holds its sequence up to token 20, expected 24',
    );
    pages.load({ pages: [1], blocks, start: 20, end: PAGE_TOKENS });
    expect(() => pages.check([{ pages: [1], position: PAGE_TOKENS }])).toThrow(
      'Cannot continue after "128" tokens: the pages are full',
    );
  });
});
