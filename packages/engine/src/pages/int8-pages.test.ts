import { type BlockId, blockId } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import { beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { planeName } from "../kv-rows.ts";
import { fakeInfo } from "../testing/fake-info.ts";
import { Int8Pages } from "./int8-pages.ts";
import { PageMemory } from "./page-memory.ts";
import { PAGE_TOKENS } from "./page-store.ts";

const { layout } = fakeInfo;
const { layers, kvHeads, headDim, blockSize } = layout;
const PAGES = 8;
let memory: KvMemory;
let pages: PageMemory;

beforeEach(() => {
  memory = new KvMemory(layout, 64);
  pages = new PageMemory(new Int8Pages(memory, PAGES));
});

/** Blocks with different elements of both signs. */
function blocksOf(tokens: number): readonly BlockId[] {
  return Array.from({ length: Math.ceil(tokens / blockSize) }, (_, block) => {
    const floats = memory.floats(blockId(block));
    for (let at = 0; at < floats.length; at++) floats[at] = Math.sin((block * floats.length + at) * 0.7) * 3;
    return blockId(block);
  });
}

/** One token of one head as the graph reads it, by plane. */
function tokenIn(page: number, token: number, plane: number, head: number) {
  const inputs = new Map(pages.inputs(PAGES).map(({ name, data }) => [name, data]));
  const name = planeName("past", plane);
  const levels = inputs.get(name) as Int8Array;
  const row = page * kvHeads + head;
  const isKey = plane % 2 === 0;
  const at = (element: number) =>
    isKey ? (row * headDim + element) * PAGE_TOKENS + token : (row * PAGE_TOKENS + token) * headDim + element;
  const ofToken = (what: string) => inputs.get(`${name}.${what}`)?.[row * PAGE_TOKENS + token];
  return {
    levels: Array.from({ length: headDim }, (_, element) => levels[at(element)]!),
    scale: ofToken("scale")!,
    offset: ofToken("offset"),
  };
}

/** All that the graph reads of the first tokens of a sequence. */
function contentOf(table: readonly number[], tokens: number) {
  return Array.from({ length: tokens }, (_, position) =>
    everyHead((plane, head) =>
      tokenIn(table[Math.floor(position / PAGE_TOKENS)]!, position % PAGE_TOKENS, plane, head),
    ),
  );
}

function everyHead<T>(visit: (plane: number, head: number) => T): T[] {
  return Array.from({ length: layers * 2 * kvHeads }, (_, index) =>
    visit(Math.floor(index / kvHeads), index % kvHeads),
  );
}

/** What a block has for one token of one head. */
function exactly(blocks: readonly BlockId[], position: number, plane: number, head: number): Float32Array {
  const block = memory.floats(blocks[Math.floor(position / blockSize)]!);
  const from = ((plane * kvHeads + head) * blockSize + (position % blockSize)) * headDim;
  return block.subarray(from, from + headDim);
}

describe("pages of int8", () => {
  test("hold each element of the blocks within half a level, in whatever parts they are loaded", () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 2 * PAGE_TOKENS }),
      fc.array(fc.integer({ min: 1, max: 2 * PAGE_TOKENS }), { maxLength: 4 }),
      (tokens, cuts) => {
        const blocks = blocksOf(tokens);
        pages.load({ pages: [5, 2], blocks, start: 0, end: tokens });
        const ends = [...cuts.filter((cut) => cut < tokens), tokens].toSorted((a, b) => a - b);
        ends.forEach((end, i) => {
          pages.load({ pages: [1, 7], blocks, start: ends[i - 1] ?? 0, end });
        });
        const content = contentOf([5, 2], tokens);
        expect(contentOf([1, 7], tokens)).toEqual(content);
        for (const [position, heads] of content.entries()) {
          everyHead((plane, head) => {
            const { levels, scale } = heads[plane * kvHeads + head]!;
            for (const [element, value] of exactly(blocks, position, plane, head).entries()) {
              expect(Math.abs(levels[element]! * scale - value)).toBeLessThan(scale * 0.501);
            }
          });
        }
      },
    );
    fc.assert(property, { numRuns: 10 });
  });

  test("have for K what its scores are too large by, when 128 is added to each element of a query", () => {
    pages.load({ pages: [3], blocks: blocksOf(20), start: 0, end: 20 });
    for (const heads of contentOf([3], 20)) {
      everyHead((plane, head) => {
        const { levels, scale, offset } = heads[plane * kvHeads + head]!;
        const sum = levels.reduce((total, level) => total + level, 0);
        expect(offset).toBe(plane % 2 === 0 ? Math.fround(128 * sum * scale) : undefined);
      });
    }
  });

  test("take a new token as they take it from a block, and leave all others alone", () => {
    const tokens = PAGE_TOKENS + 3;
    const blocks = blocksOf(tokens + 1);
    for (const table of [
      [4, 6],
      [0, 1],
      [2, 3],
    ])
      pages.load({ pages: table, blocks, start: 0, end: tokens });
    const before = contentOf([2, 3], tokens);
    // Two sequences of the batch get the token that comes next in the blocks.
    const planes = Array.from({ length: layers * 2 }, (_, plane) =>
      Float32Array.from(
        [0, 1].flatMap(() =>
          Array.from({ length: kvHeads }, (_, head) => [...exactly(blocks, tokens, plane, head)]).flat(),
        ),
      ),
    );
    pages.append(
      [
        { pages: [4, 6], position: tokens },
        { pages: [0, 1], position: tokens },
      ],
      planes,
    );
    pages.load({ pages: [5, 7], blocks, start: 0, end: tokens + 1 });
    const expected = contentOf([5, 7], tokens + 1);
    expect(contentOf([4, 6], tokens + 1)).toEqual(expected);
    expect(contentOf([0, 1], tokens + 1)).toEqual(expected);
    expect(contentOf([2, 3], tokens)).toEqual(before);
  });

  test("move with all that is in them, and are zero once cleared", () => {
    pages.load({ pages: [6], blocks: blocksOf(90), start: 0, end: 90 });
    const before = contentOf([6], 90);
    pages.move(6, 0);
    pages.clear([6]);
    expect(contentOf([0], 90)).toEqual(before);
    for (const heads of contentOf([6], PAGE_TOKENS)) {
      for (const { levels, scale, offset } of heads) {
        expect([...levels, scale, offset ?? 0].every((value) => value === 0)).toBe(true);
      }
    }
  });

  test("are not saved: blocks hold what was computed", () => {
    pages.load({ pages: [6], blocks: blocksOf(16), start: 0, end: 16 });
    expect(() => pages.save({ pages: [6], blocks: blocksOf(16), start: 0, end: 16 })).toThrow(
      "Cannot save pages",
    );
  });
});
