import { BatonError, deadlineSignal, systemClock } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { Admission } from "./admit.ts";

const never = new AbortController().signal;

/** What has been admitted so far, in order. */
function record(admission: Admission, names: readonly string[], signal = never) {
  const admitted: string[] = [];
  const places = names.map(async (name) => {
    const place = await admission.admit(signal);
    admitted.push(name);
    return place;
  });
  return { admitted, places };
}

describe("Admission", () => {
  test("holds at most maxInflight places and serves the queue in order of arrival (A1)", async () => {
    const admission = new Admission({ maxInflight: 2, maxQueued: 2 });
    const { admitted, places } = record(admission, ["a", "b", "c", "d"]);
    const first = await places[0]!;
    await places[1];
    expect(admitted).toEqual(["a", "b"]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    const third = await places[2]!;
    expect(admitted).toEqual(["a", "b", "c"]);
    third[Symbol.dispose]();
    await places[3];
    expect(admitted).toEqual(["a", "b", "c", "d"]);
  });

  test("refuses what does not fit into the queue", async () => {
    const admission = new Admission({ maxInflight: 1, maxQueued: 0 });
    using _place = await admission.admit(never);
    await expect(admission.admit(never)).rejects.toMatchObject({ code: "overloaded" });
  });

  test("a request that stops waiting leaves its turn to the next (A3)", async () => {
    const admission = new Admission({ maxInflight: 1, maxQueued: 2 });
    const first = await admission.admit(never);
    const leaving = new AbortController();
    const left = admission.admit(leaving.signal);
    const next = admission.admit(never);
    leaving.abort(new BatonError("canceled", "The client left"));
    await expect(left).rejects.toMatchObject({ code: "canceled" });
    first[Symbol.dispose]();
    (await next)[Symbol.dispose]();
  });

  test("a place that comes in the same tick as the abort is not lost (A2)", async () => {
    const admission = new Admission({ maxInflight: 1, maxQueued: 1 });
    const first = await admission.admit(never);
    const leaving = new AbortController();
    const left = admission.admit(leaving.signal);
    leaving.abort(new BatonError("canceled", "The client left"));
    first[Symbol.dispose]();
    await expect(left).rejects.toMatchObject({ code: "canceled" });
    (await admission.admit(never))[Symbol.dispose]();
  });

  test("a request whose deadline passes in the queue ends there, and says so (A3)", async () => {
    const admission = new Admission({ maxInflight: 1, maxQueued: 1 });
    const first = await admission.admit(never);
    using deadline = deadlineSignal(systemClock.now() + 20);
    await expect(admission.admit(deadline.signal)).rejects.toMatchObject({
      code: "deadline_exceeded",
      message: expect.stringMatching(/^Cannot finish within \d+ ms: the request's deadline passed$/),
    });
    expect(admission.waiting).toBe(0);
    first[Symbol.dispose]();
    (await admission.admit(never))[Symbol.dispose]();
  });

  test("a refused request is told to come back when the workers will no longer be busy", async () => {
    const clock = { time: 0, now: () => clock.time };
    const busy = { kind: "shed", role: "decode", why: "kv_use", measured: 1, threshold: 0.5 } as const;
    const refusals: string[] = [];
    let isBusy = false;
    const admission = new Admission(
      { maxInflight: 100, maxQueued: 0 },
      {
        clock,
        judge: () => (isBusy ? busy : { kind: "admit" }),
        onRefused: (why) => refusals.push(why),
      },
    );
    for (let ended = 0; ended < 50; ended++) {
      const place = await admission.admit(never);
      clock.time += 1000;
      place[Symbol.dispose]();
    }
    for (let running = 0; running < 40; running++) await admission.admit(never);
    isBusy = true;
    await expect(admission.admit(never)).rejects.toMatchObject({ code: "overloaded" });
    expect(refusals).toEqual(["kv_use"]);
    // Half of the 40 must end, of which one ends in a second.
    expect(admission.retryAfterMs).toBeGreaterThan(15_000);
    expect(admission.retryAfterMs).toBeLessThan(25_000);
  });

  test("tells the refused to come back when those that wait have had their turn", async () => {
    const clock = { time: 0, now: () => clock.time };
    const admission = new Admission({ maxInflight: 1, maxQueued: 100 }, { clock });
    expect(admission.retryAfterMs).toBe(1000);
    for (let ended = 0; ended < 20; ended++) {
      const place = await admission.admit(never);
      clock.time += 2000;
      place[Symbol.dispose]();
    }
    const running = await admission.admit(never);
    const { places } = record(admission, Array.from({ length: 10 }, String));
    expect(admission.retryAfterMs).toBeGreaterThan(15_000);
    expect(admission.retryAfterMs).toBeLessThan(25_000);
    running[Symbol.dispose]();
    for (const place of places) (await place)[Symbol.dispose]();
  });
});
