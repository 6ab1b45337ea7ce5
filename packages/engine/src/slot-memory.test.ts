import { type BlockId, blockId } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { copyRows, newRows } from "./kv-rows.ts";
import { SlotMemory } from "./slot-memory.ts";
import { fakeInfo } from "./testing/fake-info.ts";

const { layout } = fakeInfo;
let memory: KvMemory;
let slots: SlotMemory;

beforeEach(() => {
  memory = new KvMemory(layout, 128);
  slots = new SlotMemory(memory);
});

/** Blocks of one sequence, every element of block b equal to b + 1. */
function blocksFrom(first: number, tokens: number): readonly BlockId[] {
  const count = Math.ceil(tokens / layout.blockSize);
  const blocks = Array.from({ length: count }, (_, index) => blockId(first + index));
  for (const block of blocks) memory.floats(block).fill(block + 1);
  return blocks;
}

/** The slot's KV, in a form that does not depend on the shape of the memory. */
function contentOf(slot: number, tokens: number): Float32Array {
  const rows = newRows(layout, tokens);
  copyRows(layout, slots.rows(slot), rows, tokens);
  return Float32Array.from(rows.planes.flatMap((plane) => [...plane]));
}

function appendTo(slot: number, value: number): void {
  const token = newRows(layout, 1);
  for (const plane of token.planes) plane.fill(value);
  slots.append(slot, token);
}

function bytes(): number {
  const [plane] = slots.rows(0).planes;
  return plane!.byteLength * slots.rows(0).planes.length;
}

describe("slot memory", () => {
  test("keeps every sequence while slots and length grow and shrink again", () => {
    slots.admit(0, blocksFrom(0, 20), 20);
    const short = contentOf(0, 20);
    const small = bytes();
    for (const slot of [1, 2, 3, 4]) slots.admit(slot, blocksFrom(10, 500), 500);
    expect(contentOf(0, 20)).toEqual(short);
    slots.begin([20, 500, 500, 500, 500]);
    expect(bytes()).toBeGreaterThan(small * 8);
    for (const slot of [0, 1, 2, 3, 4]) appendTo(slot, 77);
    slots.begin([21]);
    expect(bytes()).toBe(small);
    expect(contentOf(0, 20)).toEqual(short);
    expect(slots.rows(0).planes[0]![20 * layout.headDim]).toBe(77);
  });

  test("gives a batch as the front of the memory", () => {
    for (const slot of [0, 1, 2]) slots.admit(slot, blocksFrom(slot * 4, 10), 10);
    slots.begin([10, 10, 10]);
    const views = slots.views(2);
    expect(views).toHaveLength(layout.layers * 2);
    expect(views[0]!.length).toBe(2 * layout.kvHeads * slots.length * layout.headDim);
    expect(views[0]!.buffer).toBe(slots.rows(0).planes[0]!.buffer);
  });

  test("always has room for the token that a step appends", () => {
    slots.admit(0, blocksFrom(0, 127), 127);
    for (let position = 127; position < 260; position++) {
      slots.begin([position]);
      expect(slots.length).toBeGreaterThan(position);
      appendTo(0, position);
    }
    expect(slots.rows(0).planes[0]![259 * layout.headDim]).toBe(259);
  });
});
