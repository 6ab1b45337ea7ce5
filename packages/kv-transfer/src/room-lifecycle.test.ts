import { describe, expect, test } from "@jest/globals";
import { RoomCounts, RoomLifecycle } from "./room-lifecycle.ts";

describe("a room's state", () => {
  test("goes from bootstrapping to success and is counted in one state at a time", () => {
    const counts = new RoomCounts();
    const lifecycle = new RoomLifecycle(counts);
    for (const state of ["waiting_for_input", "transferring", "success"] as const) {
      lifecycle.move(state);
      expect(Object.entries(counts.snapshot()).filter(([, count]) => count > 0)).toEqual([[state, 1]]);
    }
    expect(lifecycle.ended).toBe(true);
    lifecycle.retire();
    lifecycle.retire();
    expect(Object.values(counts.snapshot())).toEqual([0, 0, 0, 0, 0]);
  });

  test.each(["success", "failed"] as const)("stays %s", (last) => {
    const lifecycle = new RoomLifecycle(new RoomCounts());
    lifecycle.move("waiting_for_input");
    lifecycle.move("transferring");
    lifecycle.move(last);
    for (const next of ["bootstrapping", "waiting_for_input", "transferring", "success", "failed"] as const) {
      expect(() => lifecycle.move(next)).toThrow(`Cannot move a room to "${next}": state is "${last}"`);
    }
  });

  test("cannot be success before anything was transferred", () => {
    expect(() => new RoomLifecycle(new RoomCounts()).move("success")).toThrow(`state is "bootstrapping"`);
  });
});
