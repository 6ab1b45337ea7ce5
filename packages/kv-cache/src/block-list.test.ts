import { blockId } from "@baton/core";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { BlockList } from "./block-list.ts";

test("an empty list has nothing to take", () => {
  const list = new BlockList(2);
  expect(list.shift()).toBeUndefined();
  expect([...list]).toEqual([]);
});

test("behaves as an ordered set under any pushes, removals and shifts", () => {
  const action = fc.tuple(fc.constantFrom("toggle", "toggle", "shift"), fc.nat(7));
  fc.assert(
    fc.property(fc.array(action), (actions) => {
      const list = new BlockList(8);
      const model: number[] = [];
      for (const [kind, block] of actions) {
        if (kind === "shift") expect(list.shift()).toBe(model.shift());
        else if (list.has(blockId(block))) {
          list.remove(blockId(block));
          model.splice(model.indexOf(block), 1);
        } else {
          list.push(blockId(block));
          model.push(block);
        }
        expect([...list]).toEqual(model);
        expect(list.size).toBe(model.length);
      }
    }),
  );
});
