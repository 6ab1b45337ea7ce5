import { BatonError, bootstrapRoom } from "@baton/core";
import { expect, test } from "@jest/globals";
import { EndedRooms } from "./ended-rooms.ts";

const room = (value: number) => bootstrapRoom(BigInt(value));
const reason = new BatonError("canceled", "Gone");

test("EndedRooms forgets a room after its time", () => {
  let now = 1000;
  const ended = new EndedRooms({ maxEndedRooms: 10, endedRoomMs: 100 }, { now: () => now });
  ended.remember(room(1), reason);
  now = 1099;
  expect(ended.reasonOf(room(1))).toMatchObject({ code: reason.code, message: reason.message });
  now = 1100;
  expect(ended.reasonOf(room(1))).toBeUndefined();
});

test("EndedRooms forgets the oldest room when there are too many", () => {
  const ended = new EndedRooms({ maxEndedRooms: 2, endedRoomMs: 100 }, { now: () => 0 });
  for (const value of [1, 2, 3]) ended.remember(room(value), reason);
  expect([1, 2, 3].map((value) => ended.reasonOf(room(value)))).toEqual([undefined, reason, reason]);
});
