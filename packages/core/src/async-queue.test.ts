import { expect, test } from "@jest/globals";
import { AsyncQueue } from "./async-queue.ts";

async function drain<T>(queue: AsyncQueue<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

test("items pushed before and after the reader starts arrive in order", async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  const read = drain(queue);
  await Promise.resolve();
  queue.push(2);
  queue.push(3);
  queue.end();
  expect(await read).toEqual([1, 2, 3]);
});

test("fail() delivers what was pushed, then throws", async () => {
  const queue = new AsyncQueue<number>();
  const items: number[] = [];
  queue.push(1);
  queue.fail(new Error("lost"));
  const read = (async () => {
    for await (const item of queue) items.push(item);
  })();
  await expect(read).rejects.toThrow("lost");
  expect(items).toEqual([1]);
});

test("only the first end counts, and nothing is accepted after it", async () => {
  const queue = new AsyncQueue<number>();
  queue.end();
  queue.fail(new Error("too late"));
  queue.push(1);
  expect(await drain(queue)).toEqual([]);
});
