import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type KvFeedState, type KvUpdate, nextFeedStep } from "./kv-feed.ts";

const none = new Int32Array(0);
const stored = (number: number): KvUpdate => ({ kind: "stored", number, blocks: none });
const snapshot = (number: number, final = true): KvUpdate => ({
  kind: "snapshot",
  number,
  blocks: none,
  final,
});

describe("nextFeedStep", () => {
  test("follows events that continue a snapshot, from the snapshot's own number (F2)", () => {
    const first = nextFeedStep({ kind: "silent" }, snapshot(41));
    expect(first).toEqual({ do: "apply", next: { kind: "following", number: 41 } });
    expect(nextFeedStep({ kind: "following", number: 41 }, stored(42))).toEqual({
      do: "apply",
      next: { kind: "following", number: 42 },
    });
  });

  test("names what came and what was expected when events are missing", () => {
    expect(nextFeedStep({ kind: "following", number: 41 }, stored(44))).toEqual({
      do: "ask",
      why: "got event 44, expected 42",
    });
  });

  test("asks when events come before any snapshot, or between the parts of one", () => {
    expect(nextFeedStep({ kind: "silent" }, stored(1)).do).toBe("ask");
    expect(nextFeedStep({ kind: "loading", number: 5 }, stored(6)).do).toBe("ask");
  });

  test("asks once per gap (F4)", () => {
    expect(nextFeedStep({ kind: "lost" }, stored(50))).toEqual({ do: "ignore", why: "awaiting a snapshot" });
    expect(nextFeedStep({ kind: "lost" }, snapshot(50)).do).toBe("apply");
  });

  test("whatever is lost or repeated on the way, no event is applied twice or out of order (F1)", () => {
    const updates = fc.array(
      fc.oneof(
        fc.nat(12).map(stored),
        fc
          .record({ number: fc.nat(12), final: fc.boolean() })
          .map(({ number, final }) => snapshot(number, final)),
      ),
    );
    fc.assert(
      fc.property(updates, (all) => {
        let state: KvFeedState = { kind: "silent" };
        for (const update of all) {
          const step = nextFeedStep(state, update);
          if (step.do === "apply" && update.kind !== "snapshot") {
            expect(state).toEqual({ kind: "following", number: update.number - 1 });
          }
          if (step.do === "apply") state = step.next;
          if (step.do === "ask") state = { kind: "lost" };
        }
      }),
    );
  });
});
