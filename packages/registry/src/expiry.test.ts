import { expect, test } from "@jest/globals";
import { startExpiry } from "./expiry.ts";
import { createInMemoryWorkerRegistry } from "./in-memory-worker-registry.ts";
import { untilWorkers, workerRecord } from "./testing.ts";

test("silent workers are dropped as time passes, until the check is disposed of", async () => {
  let now = 0;
  const registry = createInMemoryWorkerRegistry({ clock: { now: () => now }, heartbeatMs: 2 });
  registry.attach().announce(workerRecord());
  using _expiry = startExpiry(registry);
  now = 6;
  // The check's timer does not keep the process alive; this one does while we wait.
  const alive = setInterval(() => {}, 1000);
  await untilWorkers(registry, (workers) => workers.length === 0);
  clearInterval(alive);
  expect(registry.workers()).toEqual([]);
});
