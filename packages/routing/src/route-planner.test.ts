import { workerId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { blockNames } from "./kv-index/block-names.ts";
import { KvIndex } from "./kv-index/kv-index.ts";
import { createRoutePlanner, type RoutePlannerOptions } from "./route-planner.ts";
import { BLOCK_SIZE, routableWorker as worker } from "./testing/routable-worker.ts";
import type { WorkerView } from "./worker-view.ts";

const request = { model: "demo", promptTokens: 100 };
const planner = createRoutePlanner({ random: () => 0 });
const names = (seed: number, count: number) =>
  blockNames(Array.from({ length: count }, (_, i) => BigInt(seed * 1000 + i + 1)));

/** Ids of the workers chosen by `times` decisions of one planner. */
function choices(options: Partial<RoutePlannerOptions>, view: WorkerView, times: number, of = request) {
  const one = createRoutePlanner({ random: () => 0, ...options });
  return Array.from({ length: times }, () => one.select("prefill", of, view).chosen.worker.record.id);
}

/** Uniform numbers that repeat from run to run. */
function dice(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

describe("select", () => {
  test("takes the prefill worker with the fewest blocks still to compute", () => {
    const view = [
      worker("p0", { load: { prefillTokens: 9 * BLOCK_SIZE } }),
      worker("p1", { load: { prefillTokens: 3 * BLOCK_SIZE } }),
    ];
    const selection = planner.select("prefill", request, view);
    expect(selection.chosen.worker.record.id).toBe("p1");
    expect(selection.candidates.map(({ cost }) => cost.total)).toEqual([9 + 7 + 7, 3 + 7 + 7]);
  });

  test("takes the decode worker with the fewest decoding blocks, however many prompts wait there", () => {
    const view = [
      worker("d0", { role: "decode", load: { decodeBlocks: 5 } }),
      worker("d1", { role: "decode", load: { decodeBlocks: 4, prefillTokens: 800 } }),
    ];
    expect(planner.select("decode", request, view).chosen.worker.record.id).toBe("d1");
  });

  test("never considers starting or draining workers, other roles or other models", () => {
    const view = [
      worker("p0", { state: "starting" }),
      worker("p1", { state: "draining" }),
      worker("d0", { role: "decode" }),
      worker("p2", { load: { prefillTokens: 9999 } }),
    ];
    const selection = planner.select("prefill", request, view);
    expect(selection.candidates.map((candidate) => candidate.worker.record.id)).toEqual(["p2"]);
    expect(() => planner.select("prefill", { ...request, model: "other" }, view)).toThrow(
      expect.objectContaining({ code: "unavailable", message: expect.stringContaining('"other"') }),
    );
  });

  test("prefers sound workers that have not failed the request, and takes others when there are no such", () => {
    const sick = worker("p0", { impaired: "circuit_open" });
    const busy = worker("p1", { load: { prefillTokens: 9999 } });
    expect(planner.select("prefill", request, [sick, busy]).chosen.worker).toBe(busy);
    expect(planner.select("prefill", request, [sick]).chosen.worker).toBe(sick);
    const again = { ...request, avoid: new Set([workerId("p1")]) };
    expect(planner.select("prefill", again, [worker("p2"), busy]).chosen.worker.record.id).toBe("p2");
    expect(planner.select("prefill", again, [busy]).chosen.worker).toBe(busy);
  });
});

describe("kv", () => {
  const view = [worker("p0"), worker("p1", { load: { prefillTokens: 2 * BLOCK_SIZE } }), worker("p2")];
  const prompt = { model: "demo", promptTokens: 7 * BLOCK_SIZE, blocks: names(1, 7) };

  function indexed(blocks: number): KvIndex {
    const index = new KvIndex();
    index.setWorkers(view.map(({ record }) => record));
    index.routed(view[1]!.record, names(1, blocks), 0);
    return index;
  }

  test("follows the cache while it outweighs the load, by the formula of Dynamo's worked example", () => {
    const one = createRoutePlanner({ random: () => 0, overlapCredit: 1 });
    const withOverlap = { ...prompt, overlap: indexed(5).find(prompt.blocks, 0) };
    const { chosen, candidates } = one.select("prefill", withOverlap, view);
    expect(chosen.worker.record.id).toBe("p1");
    expect(candidates.map(({ cost }) => cost.total)).toEqual([7 + 7, 2 + 7 - 5 + 7, 7 + 7]);
    const little = { ...prompt, overlap: indexed(1).find(prompt.blocks, 0) };
    expect(one.select("prefill", little, view).chosen.worker.record.id).toBe("p0");
  });

  test("lets a request queue for a worker that has its beginning, for up to two blocks a cached block", () => {
    const overlap = indexed(3).find(prompt.blocks, 0);
    const queue = (blocks: number) => [
      worker("p0"),
      worker("p1", { load: { prefillTokens: blocks * BLOCK_SIZE } }),
    ];
    const chosen = (blocks: number) =>
      planner.select("prefill", { ...prompt, overlap }, queue(blocks)).chosen.worker.record.id;
    expect([0, 5, 7].map(chosen)).toEqual(["p1", "p1", "p0"]);
  });

  test("ignores the caches when a request asks for it", () => {
    const overlap = indexed(5).find(prompt.blocks, 0);
    const request = { ...prompt, overlap, kv: { overlapCredit: 0 } };
    expect(planner.select("prefill", request, view).chosen.worker.record.id).toBe("p0");
  });

  test("lets the smaller cache decide between equals, then chance", () => {
    const index = indexed(0);
    index.routed(view[0]!.record, names(9, 3), 0);
    const tie = { ...prompt, overlap: index.find(prompt.blocks, 0) };
    expect(planner.select("prefill", tie, [view[0]!, view[2]!]).chosen.worker.record.id).toBe("p2");
    const equals = [worker("p0"), worker("p1"), worker("p2", { load: { prefillTokens: 16 } })];
    const pick = (random: number) => choices({ random: () => random }, equals, 1)[0];
    expect([0, 0.49, 0.5, 0.999].map(pick)).toEqual(["p0", "p0", "p1", "p1"]);
  });

  test("above temperature 0 takes every worker at times, cheap ones more often", () => {
    const loads = [0, 4, 8].map((blocks, i) =>
      worker(`p${i}`, { load: { prefillTokens: blocks * BLOCK_SIZE } }),
    );
    const taken = choices({ random: dice(), temperature: 1 }, loads, 3000);
    const shares = ["p0", "p1", "p2"].map((id) => taken.filter((each) => each === id).length / taken.length);
    const weights = [1, Math.exp(-0.5), Math.exp(-1)];
    const sum = weights.reduce((a, b) => a + b);
    shares.forEach((share, i) => {
      expect(share).toBeCloseTo(weights[i]! / sum, 1);
    });
  });

  test("chooses a candidate of least cost, and the same one for the same chance", () => {
    const loads = fc.array(fc.record({ prefillTokens: fc.nat(320), decodeBlocks: fc.nat(20) }), {
      minLength: 1,
    });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(loads, chance, fc.integer({ min: 1, max: 4096 }), (all, random, promptTokens) => {
        const view = all.map((load, index) => worker(`w${index}`, { role: "aggregated", load }));
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

describe("the other policies", () => {
  const three = [worker("p0"), worker("p1"), worker("p2")];

  test("round_robin takes all in turn, also when one leaves or joins", () => {
    const one = createRoutePlanner({ random: () => 0, prefillPolicy: "round_robin" });
    const next = (view: WorkerView) => one.select("prefill", request, view).chosen.worker.record.id;
    expect([next(three), next(three), next(three), next(three)]).toEqual(["p0", "p1", "p2", "p0"]);
    expect([next([three[0]!, three[2]!]), next(three)]).toEqual(["p2", "p0"]);
  });

  test("random takes all, each about as often", () => {
    const taken = choices({ random: dice(), prefillPolicy: "random" }, three, 3000);
    for (const id of ["p0", "p1", "p2"]) {
      expect(taken.filter((each) => each === id).length / taken.length).toBeCloseTo(1 / 3, 1);
    }
  });

  test("least_loaded looks at work alone", () => {
    const view = [
      worker("p0", { load: { prefillTokens: 160 } }),
      worker("p1", { load: { decodeBlocks: 9 } }),
    ];
    expect(choices({ prefillPolicy: "least_loaded" }, view, 1)).toEqual(["p1"]);
  });

  test("power_of_two never takes the busiest of three, and not always the idlest", () => {
    const view = [0, 1, 2].map((i) => worker(`p${i}`, { load: { decodeBlocks: i } }));
    const taken = new Set(choices({ random: dice(), prefillPolicy: "power_of_two" }, view, 200));
    expect([...taken].sort()).toEqual(["p0", "p1"]);
    expect(choices({ prefillPolicy: "power_of_two" }, [view[2]!], 1)).toEqual(["p2"]);
  });

  test("consistent_hash keeps a key on its worker, and moves only the keys of a worker that leaves", () => {
    const one = createRoutePlanner({ random: () => 0, prefillPolicy: "consistent_hash" });
    const all = Array.from({ length: 8 }, (_, i) => worker(`p${i}`));
    const home = (key: number, view: WorkerView) =>
      one.select("prefill", { ...request, affinityKey: `user-${key}` }, view).chosen.worker.record.id;
    const keys = Array.from({ length: 800 }, (_, i) => i);
    const before = keys.map((key) => home(key, all));
    const after = keys.map((key) => home(key, all.slice(1)));
    keys.forEach((key) => {
      if (before[key] !== "p0") expect(after[key]).toBe(before[key]);
    });
    for (const { record } of all) {
      expect(before.filter((id) => id === record.id).length).toBeGreaterThan(50);
    }
  });

  test("cache_aware returns to where a prompt was, spreads new ones, and gives way to load", () => {
    const one = createRoutePlanner({ random: () => 0, prefillPolicy: "cache_aware" });
    const send = (seed: number, view: WorkerView = three) =>
      one.select("prefill", { ...request, blocks: names(seed, 7), now: 0 }, view).chosen.worker.record.id;
    const homes = [1, 2, 3].map((seed) => send(seed));
    expect(new Set(homes).size).toBe(3);
    expect([1, 2, 3, 1].map((seed) => send(seed))).toEqual([...homes, homes[0]]);
    const uneven = three.map((each) =>
      each.record.id === homes[0] ? worker(homes[0], { load: { requests: 65 } }) : each,
    );
    expect(send(1, uneven)).not.toBe(homes[0]);
    const impaired = three.map((each) =>
      each.record.id === homes[1] ? worker(homes[1], { impaired: "overloaded" }) : each,
    );
    expect(send(2, impaired)).not.toBe(homes[1]);
    expect(send(3)).toBe(homes[2]);
  });
});

describe("availability", () => {
  test("names the roles that are missing", () => {
    expect(planner.availability("demo", [])).toEqual({ kind: "unavailable", missing: ["prefill", "decode"] });
    const starting = worker("d0", { role: "decode", state: "starting" });
    expect(planner.availability("demo", [worker("p0"), starting])).toEqual({
      kind: "unavailable",
      missing: ["decode"],
    });
  });

  test("prefers a pair, and is content with an aggregated worker", () => {
    const pair = [worker("p0"), worker("d0", { role: "decode" })];
    const whole = worker("a0", { role: "aggregated" });
    expect(planner.availability("demo", pair)).toEqual({ kind: "disaggregated" });
    expect(planner.availability("demo", [whole])).toEqual({ kind: "aggregated" });
    expect(planner.availability("demo", [...pair, whole]).kind).toBe("disaggregated");
  });
});
