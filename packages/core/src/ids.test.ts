import { expect, test } from "@jest/globals";
import { bootstrapRoom, formatRoom } from "./ids.ts";

test("a room has 63 bits and is never 0", () => {
  expect(() => bootstrapRoom(0n)).toThrow(RangeError);
  expect(() => bootstrapRoom(1n << 63n)).toThrow(RangeError);
  expect(bootstrapRoom((1n << 63n) - 1n)).toBe((1n << 63n) - 1n);
});

test("formatRoom() gives 16 hex digits", () => {
  expect(formatRoom(bootstrapRoom(255n))).toBe("00000000000000ff");
});
