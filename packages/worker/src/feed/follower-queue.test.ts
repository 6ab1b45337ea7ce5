import type { FeedUpdate, LoadReport } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FollowerQueue, type PendingEvents } from "./follower-queue.ts";

const LOAD: LoadReport = { waitingTokens: 1, usedBlocks: 2, runningSequences: 3, waitingSequences: 4 };
const LIMIT = 8;

/** A cache whose events each store one more block; the name of a block is the number of its event. */
class Cache {
  number = 0;

  events(count: number): PendingEvents {
    const firstNumber = this.number + 1;
    this.number += count;
    const events = Array.from({ length: count }, (_, i) => ({
      kind: "stored" as const,
      blocks: bytesOf([firstNumber + i]),
    }));
    return { firstNumber, events, since: 1000 };
  }

  snapshot() {
    return { number: this.number, blocks: bytesOf(Array.from({ length: this.number }, (_, i) => i + 1)) };
  }
}

function bytesOf(names: readonly number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(names, BigInt).buffer);
}

function start() {
  const cache = new Cache();
  const queue = new FollowerQueue({ snapshot: () => cache.snapshot(), load: () => LOAD }, LIMIT);
  return { cache, queue };
}

/** Takes what there is; checks that nothing is missing between two messages, and returns the last number. */
function drain(queue: FollowerQueue, from = -1, most = Number.POSITIVE_INFINITY): number {
  let number = from;
  for (let taken = 0; taken < most; taken++) {
    const update = queue.next(1010);
    if (update === undefined) break;
    number = follow(number, update);
  }
  return number;
}

function follow(number: number, update: FeedUpdate): number {
  switch (update.kind) {
    case "load":
      return number;
    case "snapshot":
      return update.number;
    case "events":
      expect(update.firstNumber).toBe(number + 1);
      return number + update.events.length;
  }
}

describe("FollowerQueue", () => {
  test("begins with the load and a snapshot, then tells what is pushed and how long it waited", () => {
    const { cache, queue } = start();
    cache.events(3);
    expect(queue.next(0)).toEqual({ kind: "load", load: LOAD });
    expect(queue.next(0)).toEqual({ kind: "snapshot", ...cache.snapshot(), final: true });
    expect(queue.next(0)).toBeUndefined();
    const pushed = cache.events(2);
    expect(queue.push(pushed)).toBe(false);
    const { firstNumber, events } = pushed;
    expect(queue.next(1007)).toEqual({ kind: "events", firstNumber, events, waitedMs: 7 });
  });

  test("tells only the latest load, before anything else", () => {
    const { cache, queue } = start();
    drain(queue);
    queue.push(cache.events(1));
    queue.loadChanged();
    queue.loadChanged();
    expect(queue.next(0)?.kind).toBe("load");
    expect(queue.next(0)?.kind).toBe("events");
  });

  test("drops what is too much for a snapshot that contains it (Q2)", () => {
    const { cache, queue } = start();
    drain(queue);
    expect(queue.push(cache.events(LIMIT))).toBe(false);
    expect(queue.push(cache.events(1))).toBe(true);
    expect(queue.push(cache.events(5))).toBe(false);
    expect(queue.next(0)).toEqual({ kind: "snapshot", ...cache.snapshot(), final: true });
    queue.push(cache.events(1));
    expect(queue.next(0)).toMatchObject({ kind: "events", firstNumber: cache.number });
  });

  test("sends a snapshot that has begun to its end, whatever happens meanwhile (Q3)", () => {
    const { cache, queue } = start();
    cache.events(100_000);
    queue.next(0);
    const parts = [queue.next(0)];
    for (let i = 0; i < 3; i++) queue.push(cache.events(LIMIT));
    while (!(parts.at(-1)?.kind === "snapshot" && (parts.at(-1) as { final: boolean }).final)) {
      parts.push(queue.next(0));
    }
    const numbers = parts.map((part) => (part as { number: number }).number);
    const bytes = parts.reduce((sum, part) => sum + (part as { blocks: Uint8Array }).blocks.byteLength, 0);
    expect(parts.length).toBeGreaterThan(1);
    expect(new Set(numbers)).toEqual(new Set([100_000]));
    expect(bytes).toBe(800_000);
    expect(queue.next(0)).toMatchObject({ kind: "snapshot", number: cache.number });
  });

  test("however fast or slow it is read, nothing is missing and at most the limit waits (Q1)", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(3)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (all) => {
        const { cache, queue } = start();
        let number = drain(queue);
        for (const [count, reads] of all) {
          queue.push(cache.events(count));
          number = drain(queue, number, reads);
        }
        expect(drain(queue, number)).toBe(cache.number);
      }),
    );
  });
});
