import { type WorkerRecord, type WorkerRole, type WorkerState, workerId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createRoutePlanner } from "./route-planner.ts";
import type { RoutableWorker, WorkerLoad } from "./worker-view.ts";

const BLOCK_SIZE = 16;
const request = { model: "demo", promptTokens: 100 };

function worker(
  id: string,
  role: WorkerRole,
  load: Partial<WorkerLoad> = {},
  state: WorkerState = "serving",
): RoutableWorker {
  return {
    record: record(id, role, state),
    load: { requests: 0, prefillBlocks: 0, decodeBlocks: 0, ...load },
  };
}

function record(id: string, role: WorkerRole, state: WorkerState): WorkerRecord {
  return {
    id: workerId(id),
    epoch: "e1",
    role,
    state,
    grpcAddress: "127.0.0.1:1",
    model: "demo",
    layout: {
      layers: 2,
      kvHeads: 2,
      headDim: 8,
      dtype: "float32",
      blockSize: BLOCK_SIZE,
      modelHash: "aa",
    },
    capacity: { kvBlocks: 100, maxRunning: 8, maxModelTokens: 4096 },
  };
}

const planner = createRoutePlanner({ random: () => 0 });

describe("select", () => {
  test("takes the prefill worker with the fewest blocks still to compute", () => {
    const view = [
      worker("p0", "prefill", { prefillBlocks: 9 }),
      worker("p1", "prefill", { prefillBlocks: 3 }),
    ];
    const selection = planner.select("prefill", request, view);
    expect(selection.chosen.worker.record.id).toBe("p1");
    expect(selection.candidates.map(({ cost }) => cost.total)).toEqual([9 + 7 + 7, 3 + 7 + 7]);
  });

  test("takes the decode worker with the fewest decoding blocks, however many prompts wait there", () => {
    const view = [
      worker("d0", "decode", { decodeBlocks: 5 }),
      worker("d1", "decode", { decodeBlocks: 4, prefillBlocks: 50 }),
    ];
    expect(planner.select("decode", request, view).chosen.worker.record.id).toBe("d1");
  });

  test("lets chance decide between equals", () => {
    const view = [
      worker("d0", "decode"),
      worker("d1", "decode"),
      worker("d2", "decode", { decodeBlocks: 1 }),
    ];
    const pick = (random: number) =>
      createRoutePlanner({ random: () => random }).select("decode", request, view).chosen.worker.record.id;
    expect([0, 0.49, 0.5, 0.999].map(pick)).toEqual(["d0", "d0", "d1", "d1"]);
  });

  test("never considers starting or draining workers, other roles or other models", () => {
    const view = [
      worker("p0", "prefill", {}, "starting"),
      worker("p1", "prefill", {}, "draining"),
      worker("d0", "decode"),
      worker("p2", "prefill", { prefillBlocks: 99 }),
    ];
    const selection = planner.select("prefill", request, view);
    expect(selection.candidates.map((candidate) => candidate.worker.record.id)).toEqual(["p2"]);
    expect(() => planner.select("prefill", { ...request, model: "other" }, view)).toThrow(
      expect.objectContaining({ code: "unavailable", message: expect.stringContaining('"other"') }),
    );
  });

  test("chooses a candidate of least cost, and the same one for the same chance", () => {
    const loads = fc.array(fc.record({ prefillBlocks: fc.nat(20), decodeBlocks: fc.nat(20) }), {
      minLength: 1,
    });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(loads, chance, fc.integer({ min: 1, max: 4096 }), (all, random, promptTokens) => {
        const view = all.map((load, index) => worker(`w${index}`, "aggregated", load));
        const select = () =>
          createRoutePlanner({ random: () => random }).select(
            "aggregated",
            { ...request, promptTokens },
            view,
          );
        const { chosen, candidates } = select();
        expect(candidates).toHaveLength(view.length);
        expect(chosen.cost.total).toBe(Math.min(...candidates.map(({ cost }) => cost.total)));
        expect(select().chosen.worker).toBe(chosen.worker);
      }),
    );
  });
});

describe("availability", () => {
  test("names the roles that are missing", () => {
    expect(planner.availability("demo", [])).toEqual({ kind: "unavailable", missing: ["prefill", "decode"] });
    expect(
      planner.availability("demo", [worker("p0", "prefill"), worker("d0", "decode", {}, "starting")]),
    ).toEqual({
      kind: "unavailable",
      missing: ["decode"],
    });
  });

  test("prefers a pair, and is content with an aggregated worker", () => {
    const pair = [worker("p0", "prefill"), worker("d0", "decode")];
    expect(planner.availability("demo", pair)).toEqual({ kind: "disaggregated" });
    expect(planner.availability("demo", [worker("a0", "aggregated")])).toEqual({ kind: "aggregated" });
    expect(planner.availability("demo", [...pair, worker("a0", "aggregated")]).kind).toBe("disaggregated");
  });
});
