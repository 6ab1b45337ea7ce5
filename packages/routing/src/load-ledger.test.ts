import { type WorkerRecord, workerId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { LoadLedger } from "./load-ledger.ts";

const workers = ["w0", "w1"].map(
  (id): WorkerRecord => ({
    id: workerId(id),
    epoch: "e1",
    role: "decode",
    state: "serving",
    grpcAddress: "127.0.0.1:1",
    model: "demo",
    layout: { layers: 1, kvHeads: 1, headDim: 1, dtype: "float32", blockSize: 16, modelHash: "aa" },
    capacity: { kvBlocks: 1, maxRunning: 1, maxModelTokens: 1 },
  }),
);
const [first, second] = workers as [WorkerRecord, WorkerRecord];

describe("LoadLedger", () => {
  test("a reservation counts on its worker until it is released, and only once (L1)", () => {
    const ledger = new LoadLedger();
    const kept = ledger.reserve(first, { prefillTokens: 4, decodeBlocks: 0 });
    const other = ledger.reserve(first, { prefillTokens: 0, decodeBlocks: 2 });
    expect(ledger.view(workers).map(({ load }) => load)).toEqual([
      { requests: 2, prefillTokens: 4, decodeBlocks: 2 },
      { requests: 0, prefillTokens: 0, decodeBlocks: 0 },
    ]);
    other.release();
    other.release();
    expect(ledger.view([first])[0]?.load).toEqual({ requests: 1, prefillTokens: 4, decodeBlocks: 0 });
    kept.release();
    expect(ledger.view([first])[0]?.load).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
  });

  test("prefill tokens stop counting when the prompt is computed, blocks grow with the answer (L3)", () => {
    const ledger = new LoadLedger();
    const leg = ledger.reserve(first, { prefillTokens: 100, decodeBlocks: 7 });
    leg.prefillEnded();
    leg.prefillEnded();
    leg.grow(2);
    expect(ledger.view([first])[0]?.load).toEqual({ requests: 1, prefillTokens: 0, decodeBlocks: 9 });
    leg.release();
    leg.grow(5);
    expect(ledger.view([first])[0]?.load).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
  });

  test("a restarted worker starts from nothing, and late releases of its old life do not touch it", () => {
    const ledger = new LoadLedger();
    const old = ledger.reserve(first, { prefillTokens: 1, decodeBlocks: 1 });
    const restarted = { ...first, epoch: "e2" };
    ledger.reserve(restarted, { prefillTokens: 7, decodeBlocks: 0 });
    old.release();
    expect(ledger.view([restarted])[0]?.load.prefillTokens).toBe(7);
  });

  test("a view is frozen and keeps the loads of its moment", () => {
    const ledger = new LoadLedger();
    const view = ledger.view(workers);
    ledger.reserve(second, { prefillTokens: 1, decodeBlocks: 0 });
    expect(view[1]?.load.requests).toBe(0);
    expect(Object.isFrozen(view) && view.every(Object.isFrozen)).toBe(true);
  });

  test("whatever is reserved and released in whatever order, nothing is left at the end (L2)", () => {
    const leg = fc.record({ prefillTokens: fc.nat(50), decodeBlocks: fc.nat(50) });
    const step = fc.record({
      leg,
      onFirst: fc.boolean(),
      grown: fc.nat(5),
      computed: fc.boolean(),
      releasedAfter: fc.nat(10),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const ledger = new LoadLedger();
        const held = steps.map(({ leg: load, onFirst, grown, computed, releasedAfter }) => {
          const reservation = ledger.reserve(onFirst ? first : second, load);
          reservation.grow(grown);
          if (computed) reservation.prefillEnded();
          return { reservation, releasedAfter };
        });
        held.sort((a, b) => a.releasedAfter - b.releasedAfter);
        for (const { reservation } of held) reservation.release();
        for (const { load } of ledger.view(workers)) {
          expect(load).toEqual({ requests: 0, prefillTokens: 0, decodeBlocks: 0 });
        }
      }),
    );
  });
});
