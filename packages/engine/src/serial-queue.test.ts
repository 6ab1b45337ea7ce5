import { expect, test } from "@jest/globals";
import { SerialQueue } from "./serial-queue.ts";

test("tasks run in order, after the code that adds them", async () => {
  const queue = new SerialQueue();
  const ran: string[] = [];
  queue.push(() => ran.push("first"));
  queue.push(() => ran.push("second"));
  expect(ran).toEqual([]);
  await Promise.resolve();
  expect(ran).toEqual(["first", "second"]);
});

test("a task that is added by a task waits for its turn", async () => {
  const queue = new SerialQueue();
  const ran: string[] = [];
  queue.push(() => {
    queue.push(() => ran.push("added"));
    ran.push("first");
  });
  queue.push(() => ran.push("second"));
  await Promise.resolve();
  expect(ran).toEqual(["first", "second", "added"]);
});

test("draining early runs each task once", async () => {
  const queue = new SerialQueue();
  let runs = 0;
  queue.push(() => runs++);
  queue.drain();
  queue.push(() => runs++);
  await Promise.resolve();
  await Promise.resolve();
  expect(runs).toBe(2);
});
