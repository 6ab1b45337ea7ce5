import type { BatonError } from "@baton/core";
import { describe, expect, jest, test } from "@jest/globals";
import { WorkerDrain } from "./worker-drain.ts";

/** A drain of a worker with one running call, with all that it does. */
function drainOf() {
  const said: string[] = [];
  const idle = Promise.withResolvers<void>();
  const aborts: BatonError[] = [];
  const drain = new WorkerDrain({
    server: { openCalls: 1, idle: () => idle.promise, abortCalls: (error) => aborts.push(error) },
    announce: (state) => said.push(state),
    leave: () => said.push("left"),
  });
  return { drain, said, idle, aborts };
}

describe("a drain", () => {
  test("announces itself, says what runs, and can be repeated and resumed", () => {
    const { drain, said } = drainOf();
    expect(drain.start({ stop: false })).toBe(1);
    expect(drain.start({ stop: false })).toBe(1);
    drain.resume();
    expect(said).toEqual(["draining", "draining", "serving"]);
  });

  test("aborts what runs when its time is up, so that it can be tried elsewhere", () => {
    jest.useFakeTimers();
    const { drain, aborts } = drainOf();
    drain.start({ stop: false, deadlineMs: 500 });
    jest.advanceTimersByTime(499);
    expect(aborts).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(aborts).toMatchObject([{ code: "unavailable", message: expect.stringContaining("500 ms") }]);
    jest.useRealTimers();
  });

  test("that is resumed, or repeated without a limit, aborts nothing", () => {
    jest.useFakeTimers();
    for (const takeBack of [
      (drain: WorkerDrain) => drain.resume(),
      (drain: WorkerDrain) => drain.start({ stop: false }),
    ]) {
      const { drain, aborts } = drainOf();
      drain.start({ stop: false, deadlineMs: 1 });
      takeBack(drain);
      jest.runAllTimers();
      expect(aborts).toEqual([]);
    }
    jest.useRealTimers();
  });

  test("to stop leaves the registry once, is done when nothing runs, and cannot be taken back", async () => {
    const { drain, said, idle } = drainOf();
    drain.start({ stop: true });
    drain.start({ stop: true });
    expect(said).toEqual(["draining", "left", "draining"]);
    expect(() => drain.resume()).toThrow("told to stop");
    idle.resolve();
    await drain.stopped;
  });
});
