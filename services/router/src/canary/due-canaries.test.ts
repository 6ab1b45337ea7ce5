import { type WorkerRole, workerId } from "@baton/core";
import { workerRecord } from "@baton/registry/testing";
import type { RoutableWorker } from "@baton/routing";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { dueCanaries } from "./due-canaries.ts";
import { workersOf } from "./prober.ts";

const worker = (id: string, role: WorkerRole, differences: Partial<RoutableWorker> = {}): RoutableWorker => ({
  record: workerRecord({ id: workerId(id), epoch: id, role }),
  load: { requests: 0, prefillTokens: 0, decodeBlocks: 0 },
  ...differences,
});

const idsOf = (view: readonly RoutableWorker[], due: (id: string) => boolean) =>
  dueCanaries(
    view,
    ({ id }) => due(id),
    () => 0,
  ).map((probed) => workersOf(probed).map(({ id }) => id));

describe("dueCanaries()", () => {
  test("pairs workers that are due together, and others with any of the other role", () => {
    const view = ["p0", "p1"].map((id) => worker(id, "prefill")).concat(worker("d0", "decode"));
    expect(idsOf(view, () => true)).toEqual([
      ["p0", "d0"],
      ["p1", "d0"],
    ]);
    expect(idsOf(view, (id) => id === "p1")).toEqual([["p1", "d0"]]);
    expect(idsOf(view, (id) => id === "d0")).toEqual([["p0", "d0"]]);
  });

  test("tries an aggregated worker alone, and nobody whose other half is missing", () => {
    expect(idsOf([worker("a0", "aggregated"), worker("p0", "prefill")], () => true)).toEqual([["a0"]]);
  });

  test("leaves alone who is busy, draining, or has an open circuit", () => {
    const busy = { load: { requests: 1, prefillTokens: 0, decodeBlocks: 0 } };
    const draining = { record: workerRecord({ id: workerId("d2"), role: "decode", state: "draining" }) };
    const view = [
      worker("p0", "prefill", busy),
      worker("d0", "decode", { impaired: "circuit_open" }),
      worker("d1", "decode", busy),
      worker("d2", "decode", draining),
    ];
    expect(idsOf(view, () => true)).toEqual([]);
  });

  test("tries every idle worker that is due, and each pair is one of each role", () => {
    const workers = fc.array(
      fc.record({ role: fc.constantFrom<WorkerRole>("prefill", "decode"), due: fc.boolean() }),
    );
    fc.assert(
      fc.property(workers, fc.double({ min: 0, max: 0.999, noNaN: true }), (made, random) => {
        const view = made.map(({ role }, index) => worker(String(index), role));
        const due = ({ id }: { id: string }) => made[Number(id)]!.due;
        const pairs = dueCanaries(view, due, () => random);
        for (const { prefill, decode } of pairs)
          expect([prefill?.role, decode.role]).toEqual(["prefill", "decode"]);
        const tried = new Set(pairs.flatMap(workersOf).map(({ id }) => id));
        const roles = new Set(made.map(({ role }) => role));
        if (roles.size < 2) expect(pairs).toEqual([]);
        else for (const { record } of view) if (due(record)) expect(tried.has(record.id)).toBe(true);
      }),
    );
  });
});
