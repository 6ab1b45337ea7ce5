import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Arrival, PRIORITY_STEP_MS, TurnQueue } from "./turn-queue.ts";

interface Named extends Arrival {
  readonly id: number;
}

/** Requests in the order in which they come. */
const arrivals = fc
  .array(fc.record({ priority: fc.integer({ min: -3, max: 3 }), gapMs: fc.nat(5000) }), { maxLength: 50 })
  .map((all) => {
    let arrivedAt = 0;
    return all.map(({ priority, gapMs }, id): Named => {
      arrivedAt += gapMs;
      return { id, priority, arrivedAt };
    });
  });

function drained(queue: TurnQueue<Named>): Named[] {
  const order: Named[] = [];
  for (let next = queue.next(); next; next = queue.next()) order.push(next);
  return order;
}

function queueOf(all: readonly Named[]): TurnQueue<Named> {
  const queue = new TurnQueue<Named>();
  for (const each of all) queue.add(each, each);
  return queue;
}

describe("TurnQueue", () => {
  test("serves requests of one priority in the order in which they came", () => {
    fc.assert(
      fc.property(arrivals, (all) => {
        const order = drained(queueOf(all));
        expect(order.length).toBe(all.length);
        for (const priority of [-3, -2, -1, 0, 1, 2, 3]) {
          const ids = order.filter((each) => each.priority === priority).map(({ id }) => id);
          expect(ids).toEqual(ids.toSorted((a, b) => a - b));
        }
      }),
    );
  });

  test("a request is overtaken only by more important ones that came within the time that its priority is worth", () => {
    fc.assert(
      fc.property(arrivals, (all) => {
        const order = drained(queueOf(all));
        for (const [index, later] of order.entries()) {
          for (const earlier of order.slice(0, index).filter(({ id }) => id > later.id)) {
            expect(earlier.priority).toBeLessThan(later.priority);
            const worth = (later.priority - earlier.priority) * PRIORITY_STEP_MS;
            expect(earlier.arrivedAt - later.arrivedAt).toBeLessThan(worth);
          }
        }
      }),
    );
  });

  test("does not depend on when requests are taken out: who left changes nothing for the others", () => {
    fc.assert(
      fc.property(arrivals, fc.func(fc.boolean()), (all, leaves) => {
        const queue = queueOf(all);
        const stays = all.filter(({ id }) => !leaves(id));
        for (const each of all) if (leaves(each.id)) expect(queue.remove(each)).toBe(true);
        expect(drained(queue)).toEqual(drained(queueOf(stays)));
      }),
    );
  });

  test("who would go last makes room for who goes before them, and for nobody else", () => {
    const [first, second] = [
      { id: 0, priority: 0, arrivedAt: 0 },
      { id: 1, priority: 0, arrivedAt: 1 },
    ];
    const queue = queueOf([first, second]);
    expect(queue.displacedBy({ priority: 0, arrivedAt: 2 })).toBeUndefined();
    expect(queue.displacedBy({ priority: -1, arrivedAt: 2 })).toBe(second);
    expect(queue.remove(second)).toBe(false);
    expect(drained(queue)).toEqual([first]);
  });
});
