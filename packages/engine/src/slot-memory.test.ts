import { type BlockId, blockId } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { copyRows, newRows, rowElements } from "./kv-rows.ts";
import { SlotMemory } from "./slot-memory.ts";
import { fakeInfo } from "./testing/fake-info.ts";

const { layout } = fakeInfo;
const SLOT_TOKENS = 1024;
let memory: KvMemory;
let slots: SlotMemory;

beforeEach(() => {
  memory = new KvMemory(layout, 128);
  slots = new SlotMemory(memory, SLOT_TOKENS);
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

/** The slot's KV, in a form that does not depend on the shape of the memory. */
function contentOf(slot: number, tokens: number): Float32Array {
  const rows = newRows(layout, tokens);
  copyRows(layout, slots.rows(slot), rows, tokens);
  return Float32Array.from(rows.planes.flatMap((plane) => [...plane]));
}

describe("slot memory", () => {
  test("keeps every sequence while slots grow and shrink, to the last token that fits", () => {
    const tokens = [20, 100, 7, 120];
    slots.resize(0, 128);
    for (const [slot, count] of tokens.entries()) slots.admit(slot, blocksFrom(slot * 16, count), count);
    const before = tokens.map((count, slot) => contentOf(slot, count));
    for (const length of [SLOT_TOKENS / 4, 120, 250, 121, 255, 128]) {
      slots.resize(4, length);
      expect(slots.length).toBe(length);
      expect(tokens.map((count, slot) => contentOf(slot, count))).toEqual(before);
    }
    slots.resize(1, SLOT_TOKENS);
    expect(contentOf(0, 20)).toEqual(before[0]);
  });

  test("gives a batch as the front of the memory", () => {
    slots.resize(0, 16);
    for (const slot of [0, 1, 2]) slots.admit(slot, blocksFrom(slot * 4, 10), 10);
    slots.begin([10, 10, 10]);
    const views = slots.views(2);
    expect(views).toHaveLength(layout.layers * 2);
    expect(views[0]!.length).toBe(2 * layout.kvHeads * slots.length * layout.headDim);
    expect(views[0]!.buffer).toBe(slots.rows(0).planes[0]!.buffer);
  });

  test("appends one token to each slot of the batch, and to no other", () => {
    slots.resize(0, 16);
    for (const slot of [0, 1, 2]) slots.admit(slot, blocksFrom(slot * 4, 5 + slot), 5 + slot);
    const last = contentOf(2, 7);
    slots.begin([5, 6]);
    const planes = newRows(layout, 2).planes;
    for (const plane of planes) for (let at = 0; at < plane.length; at++) plane[at] = -1 - at;
    slots.append(planes);
    const size = rowElements(layout, 1);
    for (const slot of [0, 1]) {
      const rows = slots.rows(slot);
      const head = rows.offset + (rows.length + 5 + slot) * layout.headDim; // The second head.
      const appended = rows.planes[3]!.subarray(head, head + layout.headDim);
      expect(appended).toEqual(planes[3]!.subarray(slot * size + layout.headDim, (slot + 1) * size));
    }
    expect(contentOf(2, 7)).toEqual(last);
  });

  test("shows nothing of a slot that was cleared", () => {
    slots.resize(0, 16);
    for (const slot of [0, 1, 2]) slots.admit(slot, blocksFrom(slot * 4, 10), 10);
    const others = [contentOf(0, 10), contentOf(2, 10)];
    slots.clear(1);
    expect(contentOf(1, 16).every((value) => value === 0)).toBe(true);
    expect([contentOf(0, 10), contentOf(2, 10)]).toEqual(others);
  });
});
