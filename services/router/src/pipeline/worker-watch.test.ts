import { BatonError, type ErrorCode, type WorkerRecord, workerId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import type { Route, RoutedLeg } from "./route.ts";
import { WorkerWatch } from "./worker-watch.ts";

function worker(id: string, role: WorkerRecord["role"], epoch = "e1"): WorkerRecord {
  return {
    id: workerId(id),
    epoch,
    role,
    state: "serving",
    grpcAddress: "127.0.0.1:1",
    model: "demo",
    layout: { layers: 1, kvHeads: 1, headDim: 8, dtype: "float32", blockSize: 16, modelHash: "aa" },
    capacity: { kvBlocks: 100, maxRunning: 8, maxModelTokens: 4096 },
  };
}

const prefill = worker("p", "prefill");
const decode = worker("d", "decode");

function legOn(record: WorkerRecord): RoutedLeg {
  return { worker: record, promptBlocks: 1, overlapBlocks: 0, prefillEnded() {}, grow() {}, release() {} };
}

const route: Pick<Route, "prefill" | "decode"> = {
  prefill: { ...legOn(prefill), room: 1n as never },
  decode: legOn(decode),
};

function start() {
  const clock = { time: 1_000_000, now: () => clock.time };
  const watch = new WorkerWatch(clock);
  const fails = (code: ErrorCode, suspects: readonly WorkerRecord[], times = 1) => {
    for (let i = 0; i < times; i++) {
      watch.began(route)({ complete: false, error: new BatonError(code, "a test"), suspects });
    }
  };
  const succeeds = () => watch.began(route)({ complete: true, error: undefined, suspects: [] });
  const impaired = () => [watch.of(prefill).impaired, watch.of(decode).impaired];
  return { clock, watch, fails, succeeds, impaired };
}

const ENOUGH = 5;

describe("WorkerWatch", () => {
  test("believes a worker's report until it is not renewed, or not heard any more", () => {
    const { clock, watch } = start();
    const report = { waitingTokens: 1, usedBlocks: 2, runningSequences: 3, waitingSequences: 4 };
    watch.reported(prefill, report);
    expect(watch.of(prefill)).toEqual({ report });
    clock.time += 3000;
    expect(watch.of(prefill)).toEqual({});
    watch.reported(prefill, report);
    watch.unheard(prefill);
    expect(watch.of(prefill)).toEqual({});
  });

  test("opens the circuit of a worker that keeps failing, and not its partner's (H1, H2)", () => {
    const { fails, impaired } = start();
    fails("worker_lost", [prefill], ENOUGH - 1);
    expect(impaired()).toEqual([undefined, undefined]);
    fails("worker_lost", [prefill]);
    expect(impaired()).toEqual(["circuit_open", undefined]);
  });

  test("charges both ends of failed transfers", () => {
    const { fails, impaired } = start();
    fails("kv_transfer_failed", [prefill, decode], ENOUGH);
    expect(impaired()).toEqual(["circuit_open", "circuit_open"]);
  });

  test.each(["canceled", "deadline_exceeded", "invalid_argument"] as const)("does not charge %s", (code) => {
    const { fails, impaired } = start();
    fails(code, [prefill, decode], 2 * ENOUGH);
    expect(impaired()).toEqual([undefined, undefined]);
  });

  test("forgives failures after a complete answer", () => {
    const { fails, succeeds, impaired } = start();
    fails("worker_lost", [prefill], ENOUGH - 1);
    succeeds();
    fails("worker_lost", [prefill], ENOUGH - 1);
    expect(impaired()).toEqual([undefined, undefined]);
  });

  test("charges a leg that failed although the answer is complete", () => {
    const { watch, impaired } = start();
    for (let i = 0; i < ENOUGH; i++) {
      const error = new BatonError("worker_lost", "a test");
      watch.began(route)({ complete: true, error, suspects: [prefill] });
    }
    expect(impaired()).toEqual(["circuit_open", undefined]);
  });

  test("lets one trial through at a time, which decides", () => {
    const { clock, watch, fails, succeeds, impaired } = start();
    fails("worker_lost", [prefill], ENOUGH);
    clock.time += 1000;
    expect(impaired()).toEqual([undefined, undefined]);
    const ended = watch.began(route);
    expect(impaired()).toEqual(["circuit_open", undefined]);
    ended({ complete: false, error: undefined, suspects: [] });
    expect(impaired()).toEqual([undefined, undefined]);
    succeeds();
    succeeds();
    fails("worker_lost", [prefill], ENOUGH - 1);
    expect(impaired()).toEqual([undefined, undefined]);
  });

  test("marks a worker that refused as overloaded, for a moment", () => {
    const { clock, fails, impaired } = start();
    fails("overloaded", [decode]);
    expect(impaired()).toEqual([undefined, "overloaded"]);
    clock.time += 1000;
    expect(impaired()).toEqual([undefined, undefined]);
  });

  test("forgets who has left, and earlier epochs", () => {
    const { watch, fails, impaired } = start();
    fails("worker_lost", [prefill], ENOUGH);
    watch.retain([worker("p", "prefill", "e2"), decode]);
    expect(impaired()).toEqual([undefined, undefined]);
  });
});
