/**
 * What every worker registry must do, whatever it is made of. An implementation passes by calling
 * `describeWorkerRegistry` from a test file. Workers are waited for through `onChange`, never slept for.
 */

import { type WorkerRecord, workerId } from "@baton/core";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { WorkerAnnouncer, WorkerRegistry } from "./worker-registry.ts";

export { RedisServer } from "./testing/redis-server.ts";

/** One registry under test. */
export interface RegistryHarness {
  readonly registry: WorkerRegistry;
  /** The write side of one worker process. */
  announcer(): WorkerAnnouncer;
  /** Lets that many heartbeat intervals pass, in which nobody but the workers named in `alive` is heard of. */
  pass(intervals: number, alive?: readonly WorkerAnnouncer[]): Promise<void>;
  close(): Promise<void>;
}

/** A valid record of a serving decode worker with the given differences. */
export function workerRecord(differences: Partial<WorkerRecord> = {}): WorkerRecord {
  return {
    id: workerId("decode-0"),
    epoch: "epoch-1",
    role: "decode",
    state: "serving",
    grpcAddress: "127.0.0.1:50051",
    model: "demo",
    layout: { layers: 2, kvHeads: 2, headDim: 16, dtype: "float32", blockSize: 16, modelHash: "c0ffee" },
    capacity: { kvBlocks: 64, maxRunning: 8, maxModelTokens: 1024 },
    ...differences,
  };
}

/** Resolves once `workers()` satisfies `predicate`, now or after a change. */
export async function untilWorkers(
  registry: WorkerRegistry,
  predicate: (workers: readonly WorkerRecord[]) => boolean,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = () => predicate(registry.workers()) && resolve();
  const stop = registry.onChange(check);
  check();
  await promise.finally(stop);
}

/** Defines the suite for the implementation called `name`. */
export function describeWorkerRegistry(name: string, createHarness: () => Promise<RegistryHarness>): void {
  describe(`${name} as a worker registry`, () => {
    let harness: RegistryHarness;
    const present = (count: number) => untilWorkers(harness.registry, (workers) => workers.length === count);
    const epochIs = (epoch: string) =>
      untilWorkers(harness.registry, (workers) => workers.some((worker) => worker.epoch === epoch));

    beforeEach(async () => {
      harness = await createHarness();
    });
    afterEach(() => harness.close());

    test("knows nobody at first", () => {
      expect(harness.registry.workers()).toEqual([]);
    });

    test("shows an announced worker with every field", async () => {
      const prefill = workerRecord({
        id: workerId("prefill-0"),
        role: "prefill",
        kvAddress: { host: "127.0.0.1", port: 9000 },
      });
      harness.announcer().announce(prefill);
      await present(1);
      expect(harness.registry.workers()).toEqual([prefill]);
    });

    test("hands out frozen records in a frozen list that later changes do not touch", async () => {
      const announcer = harness.announcer();
      announcer.announce(workerRecord());
      await present(1);
      const before = harness.registry.workers();
      expect(Object.isFrozen(before)).toBe(true);
      expect(Object.isFrozen(before[0])).toBe(true);
      expect(Object.isFrozen(before[0]?.layout)).toBe(true);
      expect(Object.isFrozen(before[0]?.capacity)).toBe(true);
      await announcer.close();
      await present(0);
      expect(before).toHaveLength(1);
    });

    test("keeps workers sorted by id", async () => {
      for (const id of ["decode-2", "decode-0", "decode-1"]) {
        harness.announcer().announce(workerRecord({ id: workerId(id) }));
      }
      await present(3);
      expect(harness.registry.workers().map((worker) => worker.id)).toEqual([
        "decode-0",
        "decode-1",
        "decode-2",
      ]);
    });

    test("follows a worker's state", async () => {
      const announcer = harness.announcer();
      for (const state of ["starting", "serving", "draining"] as const) {
        announcer.announce(workerRecord({ state }));
        await untilWorkers(harness.registry, (workers) => workers[0]?.state === state);
      }
      expect(harness.registry.workers()).toHaveLength(1);
    });

    test("removes a worker that says goodbye, and lets it say so twice", async () => {
      const announcer = harness.announcer();
      announcer.announce(workerRecord());
      await present(1);
      await announcer.close();
      await announcer.close();
      await present(0);
    });

    test("replaces a worker by its new epoch", async () => {
      harness.announcer().announce(workerRecord({ epoch: "old" }));
      await epochIs("old");
      harness.announcer().announce(workerRecord({ epoch: "new" }));
      await epochIs("new");
      expect(harness.registry.workers()).toHaveLength(1);
    });

    test("keeps the new epoch when the old one says goodbye late", async () => {
      const old = harness.announcer();
      old.announce(workerRecord({ epoch: "old" }));
      await epochIs("old");
      const fresh = harness.announcer();
      fresh.announce(workerRecord({ epoch: "new" }));
      await epochIs("new");
      await old.close();
      await harness.pass(1, [fresh]);
      expect(harness.registry.workers().map((worker) => worker.epoch)).toEqual(["new"]);
    });

    test("keeps the new epoch when the old one goes on announcing", async () => {
      const old = harness.announcer();
      old.announce(workerRecord({ epoch: "old" }));
      await epochIs("old");
      const fresh = harness.announcer();
      fresh.announce(workerRecord({ epoch: "new" }));
      await epochIs("new");
      old.announce(workerRecord({ epoch: "old", state: "draining" }));
      await harness.pass(1, [fresh]);
      expect(harness.registry.workers().map((worker) => worker.epoch)).toEqual(["new"]);
    });

    test("keeps a worker that is silent for less than three intervals", async () => {
      harness.announcer().announce(workerRecord());
      await present(1);
      await harness.pass(2);
      expect(harness.registry.workers()).toHaveLength(1);
    });

    test("drops a worker that is silent for three intervals, and only that one", async () => {
      const alive = harness.announcer();
      harness.announcer().announce(workerRecord({ id: workerId("decode-silent") }));
      alive.announce(workerRecord({ id: workerId("decode-alive") }));
      await present(2);
      await harness.pass(4, [alive]);
      await present(1);
      expect(harness.registry.workers()[0]?.id).toBe("decode-alive");
    });

    test("takes a dropped worker back when it is heard of again", async () => {
      const announcer = harness.announcer();
      announcer.announce(workerRecord());
      await present(1);
      await harness.pass(4);
      await present(0);
      announcer.announce(workerRecord());
      await present(1);
    });

    test("removes an epoch at once, does not take it in again, and welcomes the next", async () => {
      const announcer = harness.announcer();
      announcer.announce(workerRecord());
      await present(1);
      await harness.registry.remove(workerRecord());
      await present(0);
      announcer.announce(workerRecord({ state: "draining" }));
      await harness.pass(2, [announcer]);
      expect(harness.registry.workers()).toEqual([]);
      harness.announcer().announce(workerRecord({ epoch: "epoch-2" }));
      await epochIs("epoch-2");
    });

    test("removes neither another epoch nor a worker that is not there", async () => {
      harness.announcer().announce(workerRecord());
      await present(1);
      await harness.registry.remove(workerRecord({ epoch: "epoch-0" }));
      await harness.registry.remove(workerRecord({ id: workerId("decode-9") }));
      expect(harness.registry.workers()).toHaveLength(1);
    });

    test("tells listeners of changes, not of heartbeats, until they leave", async () => {
      const announcer = harness.announcer();
      let changes = 0;
      const stop = harness.registry.onChange(() => {
        changes += 1;
      });
      announcer.announce(workerRecord());
      await present(1);
      await harness.pass(2, [announcer]);
      expect(changes).toBe(1);
      stop();
      await announcer.close();
      await present(0);
      expect(changes).toBe(1);
    });
  });
}
