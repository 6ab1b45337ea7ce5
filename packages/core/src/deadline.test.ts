import { expect, test } from "@jest/globals";
import { systemClock } from "./clock.ts";
import { deadlineSignal, untilAborted } from "./deadline.ts";
import { BatonError } from "./errors.ts";

function reasonOf(signal: AbortSignal): Promise<BatonError> {
  if (signal.aborted) return Promise.resolve(signal.reason);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(signal.reason)));
}

test("the signal aborts with deadline_exceeded when the deadline passes", async () => {
  using deadline = deadlineSignal(systemClock.now() + 5);
  expect((await reasonOf(deadline.signal)).code).toBe("deadline_exceeded");
});

test("a deadline in the past aborts at once", () => {
  using deadline = deadlineSignal(systemClock.now() - 1);
  expect(deadline.signal.aborted).toBe(true);
});

test("the reason of the parent is passed on, whether it aborts before or after", () => {
  const reason = new BatonError("canceled", "Client left");
  const parent = new AbortController();
  using early = deadlineSignal(systemClock.now() + 60_000, parent.signal);
  parent.abort(reason);
  using late = deadlineSignal(systemClock.now() + 60_000, parent.signal);
  expect([early.signal.reason, late.signal.reason]).toEqual([reason, reason]);
});

test("a disposed deadline signal never aborts and leaves no timer behind", () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const parent = new AbortController();
  const deadline = deadlineSignal(systemClock.now() + 60_000, parent.signal);
  deadline[Symbol.dispose]();
  parent.abort();
  expect(deadline.signal.aborted).toBe(false);
  expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length).toBe(before);
});

test("untilAborted() settles as the promise does", async () => {
  const { signal } = new AbortController();
  await expect(untilAborted(Promise.resolve(7), signal)).resolves.toBe(7);
  await expect(untilAborted(Promise.reject(new Error("broken")), signal)).rejects.toThrow("broken");
});

test("untilAborted() rejects with the signal's reason, before or during the wait", async () => {
  const controller = new AbortController();
  const waiting = untilAborted(new Promise(() => {}), controller.signal);
  controller.abort(new BatonError("canceled", "Client left"));
  await expect(waiting).rejects.toMatchObject({ code: "canceled", message: "Client left" });
  await expect(untilAborted(Promise.resolve(7), controller.signal)).rejects.toMatchObject({
    code: "canceled",
  });
});
