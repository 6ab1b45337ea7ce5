import { BatonError, type WorkerRecord, workerId } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { createInMemoryWorkerRegistry, type InMemoryWorkerRegistry } from "./in-memory-worker-registry.ts";
import { describeWorkerRegistry, type RegistryHarness, workerRecord } from "./testing.ts";
import type { WorkerAnnouncer } from "./worker-registry.ts";

const HEARTBEAT_MS = 1000;

function handClock() {
  let now = 0;
  return {
    now: () => now,
    advance(ms: number) {
      now += ms;
    },
  };
}

/** A lease as an announcer: it repeats its last record when told that an interval has passed. */
class LeaseAnnouncer implements WorkerAnnouncer {
  readonly #lease;
  #last: WorkerRecord | undefined;

  constructor(registry: InMemoryWorkerRegistry) {
    this.#lease = registry.attach();
  }

  announce(record: WorkerRecord): void {
    this.#last = record;
    try {
      this.#lease.announce(record);
    } catch {
      // Refused: announcers never throw.
    }
  }

  beat(): void {
    if (this.#last) this.announce(this.#last);
  }

  async close(): Promise<void> {
    this.#lease.end();
  }
}

async function createHarness(): Promise<RegistryHarness> {
  const clock = handClock();
  const registry = createInMemoryWorkerRegistry({ clock, heartbeatMs: HEARTBEAT_MS });
  return {
    registry,
    announcer: () => new LeaseAnnouncer(registry),
    async pass(intervals, alive = []) {
      for (let i = 0; i < intervals; i += 1) {
        clock.advance(HEARTBEAT_MS);
        for (const announcer of alive) (announcer as LeaseAnnouncer).beat();
        registry.expire();
      }
    },
    async close() {},
  };
}

describeWorkerRegistry("The in-memory registry", createHarness);

describe("leases of the in-memory registry", () => {
  const create = (accept?: (record: WorkerRecord) => void) =>
    createInMemoryWorkerRegistry({
      clock: handClock(),
      heartbeatMs: HEARTBEAT_MS,
      ...(accept && { accept }),
    });

  test("a refused record does not enter, and the refusal reaches the announcer", () => {
    const registry = create(() => {
      throw new BatonError("kv_mismatch", 'Cannot accept worker "decode-0": block size is 8, expected 16');
    });
    expect(() => registry.attach().announce(workerRecord())).toThrow("block size is 8, expected 16");
    expect(registry.workers()).toEqual([]);
  });

  test("a second connection of the same epoch takes over, and the end of the first removes nothing", () => {
    const registry = create();
    const first = registry.attach();
    const second = registry.attach();
    first.announce(workerRecord());
    second.announce(workerRecord());
    first.end();
    expect(registry.workers()).toHaveLength(1);
    second.end();
    expect(registry.workers()).toEqual([]);
  });

  test("a replaced epoch is refused by name, on its lease and on a new one", () => {
    const registry = create();
    const old = registry.attach();
    old.announce(workerRecord({ epoch: "old" }));
    registry.attach().announce(workerRecord({ epoch: "new" }));
    const refusal = 'Cannot announce worker "decode-0" epoch "old": epoch "new" has replaced it';
    expect(() => old.announce(workerRecord({ epoch: "old" }))).toThrow(refusal);
    expect(() => registry.attach().announce(workerRecord({ epoch: "old" }))).toThrow(refusal);
  });

  test("a lease is of one worker", () => {
    const lease = create().attach();
    lease.announce(workerRecord());
    expect(() => lease.announce(workerRecord({ id: workerId("decode-1") }))).toThrow("this lease is of");
  });

  test("an ended lease announces nobody", () => {
    const registry = create();
    const lease = registry.attach();
    lease.end();
    expect(() => lease.announce(workerRecord())).toThrow("its lease has ended");
    expect(registry.workers()).toEqual([]);
  });
});
