import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { DrainRate } from "./drain-rate.ts";
import { decideShedding, whyBusy } from "./shedding.ts";
import { IDLE_REPORT, routableWorker } from "./testing/routable-worker.ts";

const THRESHOLDS = { kvUse: 0.8, waitingTokens: 1000 };
const prefill = (id: string, waiting: number) =>
  routableWorker(id, { report: { ...IDLE_REPORT, waitingTokens: waiting } });
const decode = (id: string, used: number) =>
  routableWorker(id, { role: "decode", report: { ...IDLE_REPORT, usedBlocks: used } });

describe("decideShedding", () => {
  test("admits while one worker of each role has room", () => {
    const view = [prefill("p0", 2000), prefill("p1", 1000), decode("d0", 99), decode("d1", 80)];
    expect(decideShedding(["prefill", "decode"], view, THRESHOLDS)).toEqual({ kind: "admit" });
  });

  test("sheds when every worker of a role is busy, and says by how much the least busy one is", () => {
    const view = [prefill("p0", 3000), prefill("p1", 2000), decode("d0", 0)];
    expect(decideShedding(["prefill", "decode"], view, THRESHOLDS)).toEqual({
      kind: "shed",
      role: "prefill",
      why: "waiting_tokens",
      measured: 2000,
      threshold: 1000,
    });
    expect(decideShedding(["decode"], [decode("d0", 81)], THRESHOLDS)).toMatchObject({
      why: "kv_use",
      measured: 0.81,
    });
  });

  test("counts what was just sent, not only what was reported, and no marks", () => {
    const sent = routableWorker("d0", { role: "decode", load: { decodeBlocks: 81 } });
    expect(whyBusy(sent, THRESHOLDS)?.why).toBe("kv_use");
    expect(whyBusy(sent, { ...THRESHOLDS, kvUse: 1 })).toBeUndefined();
    expect(whyBusy(routableWorker("p0", { impaired: "overloaded" }), THRESHOLDS)).toBeUndefined();
    expect(whyBusy(routableWorker("p0", { impaired: "circuit_open" }), THRESHOLDS)).toBeUndefined();
  });

  test("leaves a role without workers to routing, which names it", () => {
    const draining = routableWorker("d0", { role: "decode", state: "draining", impaired: "overloaded" });
    expect(decideShedding(["decode"], [draining], THRESHOLDS).kind).toBe("admit");
  });

  test("sheds exactly if a needed role has workers and none of them has room", () => {
    const worker = fc.record({ isDecode: fc.boolean(), used: fc.nat(100), waiting: fc.nat(2000) });
    fc.assert(
      fc.property(fc.array(worker, { maxLength: 8 }), (all) => {
        const view = all.map(({ isDecode, used, waiting }, i) =>
          isDecode ? decode(`d${i}`, used) : prefill(`p${i}`, waiting),
        );
        const full = (isDecode: boolean) => {
          const some = all.filter((each) => each.isDecode === isDecode);
          const busy = some.filter(({ used, waiting }) => (isDecode ? used > 80 : waiting > 1000));
          return some.length > 0 && busy.length === some.length;
        };
        const { kind } = decideShedding(["prefill", "decode"], view, THRESHOLDS);
        expect(kind).toBe(full(true) || full(false) ? "shed" : "admit");
      }),
    );
  });
});

describe("DrainRate", () => {
  test("learns a steady rate, and tells when a backlog is gone", () => {
    const rate = new DrainRate(10_000);
    for (let now = 0; now <= 60_000; now += 100) rate.ended(5, now);
    expect(rate.perSecond(60_000)).toBeGreaterThan(49);
    expect(rate.perSecond(60_000)).toBeLessThan(52);
    expect(rate.retryAfterMs(500, 60_000) / 1000).toBeCloseTo(10, 0);
  });

  test("follows a cluster that stands still, without forgetting at once", () => {
    const rate = new DrainRate(10_000);
    for (let now = 0; now <= 60_000; now += 100) rate.ended(5, now);
    const after = [1000, 10_000, 60_000].map((quiet) => rate.perSecond(60_000 + quiet));
    expect(after[0]).toBeGreaterThan(40);
    expect(after[1]).toBeLessThan(after[0]!);
    expect(after[2]).toBeLessThan(5);
  });

  test("always answers with something between 1 s and 60 s", () => {
    const step = fc.record({ amount: fc.nat(1000), wait: fc.nat(100_000) });
    fc.assert(
      fc.property(fc.array(step), fc.nat(1_000_000), (steps, backlog) => {
        const rate = new DrainRate();
        let now = 0;
        for (const { amount, wait } of steps) {
          rate.ended(amount, now);
          now += wait;
        }
        expect(rate.retryAfterMs(backlog, now)).toBeGreaterThanOrEqual(1000);
        expect(rate.retryAfterMs(backlog, now)).toBeLessThanOrEqual(60_000);
      }),
    );
  });
});
