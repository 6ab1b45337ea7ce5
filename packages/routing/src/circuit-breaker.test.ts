import { workerId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { CircuitBreakers, letsThrough } from "./circuit-breaker.ts";
import { IDLE_REPORT } from "./testing/routable-worker.ts";
import { WorkerConditions } from "./worker-conditions.ts";

const LIMITS = { failures: 3, successes: 2, windowMs: 1000, openMs: 100, maxOpenMs: 400 };
const worker = { id: workerId("w"), epoch: "e1" };

function circuits() {
  const all = new CircuitBreakers(LIMITS);
  const call = (now: number, code?: "worker_lost" | "overloaded" | "canceled") =>
    all.began(worker, now).ended(code, now);
  const fail = (times: number, now: number) => {
    for (let i = 0; i < times; i++) call(now, "worker_lost");
  };
  return { all, call, fail, kind: (now: number) => all.of(worker, now).kind };
}

describe("CircuitBreakers", () => {
  test("open after so many failures, and close again after so many good trials", () => {
    const { fail, call, kind } = circuits();
    fail(2, 0);
    expect(kind(0)).toBe("closed");
    fail(1, 0);
    expect([kind(0), kind(99), kind(100)]).toEqual(["open", "open", "half_open"]);
    call(100);
    expect(kind(100)).toBe("half_open");
    call(100);
    expect(kind(100)).toBe("closed");
  });

  test("count only failures that are the worker's fault, and none before a success (C1)", () => {
    const { all, fail, call, kind } = circuits();
    for (let i = 0; i < 9; i++) all.began(worker, 0).ended(i % 2 ? "overloaded" : "invalid_argument", 0);
    fail(2, 0);
    call(0);
    fail(2, 0);
    expect(kind(0)).toBe("closed");
  });

  test("forget old failures", () => {
    const { fail, kind } = circuits();
    fail(2, 0);
    fail(1, 1001);
    expect(kind(1001)).toBe("closed");
  });

  test("let one trial through at a time, and wait twice as long after a bad one, up to a limit (C2, C3)", () => {
    const { all, fail, kind } = circuits();
    fail(3, 0);
    let now = 100;
    for (const openMs of [200, 400, 400]) {
      const trial = all.began(worker, now);
      expect(letsThrough(all.of(worker, now))).toBe(false);
      trial.ended("worker_lost", now);
      expect([kind(now + openMs - 1), kind(now + openMs)]).toEqual(["open", "half_open"]);
      now += openMs;
    }
  });

  test("take a trial without a verdict back, and late calls from before for nothing (C4)", () => {
    const { all, fail } = circuits();
    const early = all.began(worker, 0);
    fail(3, 0);
    early.ended(undefined, 150);
    expect(all.of(worker, 150)).toMatchObject({ kind: "half_open", successes: 0 });
    all.began(worker, 150).ended("canceled", 150);
    expect(all.of(worker, 150)).toMatchObject({ kind: "half_open", successes: 0, trying: false });
  });

  test("never stay shut: whatever happens, a call is let through once all calls have ended and time has passed", () => {
    const step = fc.record({
      code: fc.constantFrom(undefined, "worker_lost" as const, "canceled" as const),
      wait: fc.nat(300),
      late: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { all } = circuits();
        let now = 0;
        const late: (() => void)[] = [];
        for (const { code, wait, late: isLate } of steps) {
          const call = all.began(worker, now);
          if (isLate) late.push(() => call.ended(code, now));
          else call.ended(code, now);
          now += wait;
        }
        for (const end of late) end();
        expect(letsThrough(all.of(worker, now + LIMITS.maxOpenMs))).toBe(true);
      }),
    );
  });
});

describe("WorkerConditions", () => {
  test("an overload mark expires, an open circuit shows, and the last report counts", () => {
    const { all, fail } = circuits();
    const conditions = new WorkerConditions(all);
    expect(conditions.of(worker, 0)).toEqual({});
    conditions.refused(worker, 50);
    conditions.refused(worker, 20);
    expect([0, 49, 50].map((now) => conditions.of(worker, now).impaired)).toEqual([
      "overloaded",
      "overloaded",
      undefined,
    ]);
    const report = (usedBlocks: number) => ({ ...IDLE_REPORT, usedBlocks });
    conditions.reported(worker, report(1), 1000);
    conditions.reported(worker, report(3), 1000);
    fail(3, 60);
    expect(conditions.of(worker, 60)).toEqual({ report: report(3), impaired: "circuit_open" });
  });

  test("a report expires, and is dropped when the worker is not heard any more", () => {
    const conditions = new WorkerConditions(circuits().all);
    conditions.reported(worker, IDLE_REPORT, 100);
    expect(conditions.of(worker, 99)).toEqual({ report: IDLE_REPORT });
    expect(conditions.of(worker, 100)).toEqual({});
    conditions.reported(worker, IDLE_REPORT, 200);
    conditions.unheard({ ...worker, epoch: "e2" });
    expect(conditions.of(worker, 100)).toEqual({ report: IDLE_REPORT });
    conditions.unheard(worker);
    expect(conditions.of(worker, 100)).toEqual({});
  });

  test("a restarted worker starts with a clean sheet, and one that left is forgotten", () => {
    const { all, fail } = circuits();
    const conditions = new WorkerConditions(all);
    conditions.refused(worker, 1000);
    fail(3, 0);
    const restarted = { ...worker, epoch: "e2" };
    expect(conditions.of(restarted, 0)).toEqual({});
    conditions.retain([restarted]);
    expect(conditions.of(worker, 0)).toEqual({});
  });
});
