/**
 * Workers in this process's memory, each held by a lease.
 *
 *   R1  An id has at most one entry, and an entry has one holder: the lease that announced it last.
 *   R2  A new epoch of an id replaces the old one; the replaced epoch is refused from then on, as long as the entry lives.
 *   R3  Only the holder's end removes an entry, so a late goodbye of a replaced epoch or connection removes nothing.
 *   R4  A removed epoch is refused from then on, as long as it is among the last `MAX_REMOVED` ones.
 *   R5  An entry that was not announced for three intervals is dropped; its lease may announce it anew.
 */
import { isDeepStrictEqual } from "node:util";
import { BatonError, type Clock, type WorkerId, type WorkerRecord } from "@baton/core";
import { freezeRecord } from "./freeze-record.ts";
import type { Lease, WorkerRegistry } from "./worker-registry.ts";

/** Intervals without an announcement after which a worker counts as gone. */
const SILENT_INTERVALS = 3;
/** Removed epochs that are remembered. */
const MAX_REMOVED = 1024;

/** How to make an in-memory registry. */
export interface InMemoryWorkerRegistryOptions {
  readonly clock: Clock;
  /** How often workers announce themselves, in ms. */
  readonly heartbeatMs: number;
  /** Refuses a record by throwing a BatonError, for example because its KV layout is not the cluster's. */
  readonly accept?: (record: WorkerRecord) => void;
}

/** A registry with its write side: leases, and the check for silent workers. */
export interface InMemoryWorkerRegistry extends WorkerRegistry {
  readonly heartbeatMs: number;
  attach(): Lease;
  /** Drops the workers that have been silent for three intervals. */
  expire(): void;
}

interface Entry {
  readonly record: WorkerRecord;
  readonly holder: Lease;
  /** Epoch ms of the last announcement. */
  readonly heardAt: number;
  /** Epochs that this entry's id had before (R2). */
  readonly replacedEpochs: ReadonlySet<string>;
}

/** Makes an empty registry; `startExpiry` makes it drop silent workers as time passes. */
export function createInMemoryWorkerRegistry(options: InMemoryWorkerRegistryOptions): InMemoryWorkerRegistry {
  const { clock, heartbeatMs, accept } = options;
  const entries = new Map<WorkerId, Entry>();
  const listeners = new Set<() => void>();
  /** Oldest first (R4). */
  const removed = new Set<string>();
  let view: readonly WorkerRecord[] = Object.freeze([]);

  function publish(): void {
    const records = [...entries.values()].map((entry) => entry.record);
    view = Object.freeze(records.sort((a, b) => (a.id < b.id ? -1 : 1)));
    for (const listener of [...listeners]) listener();
  }

  function put(record: WorkerRecord, holder: Lease): void {
    const previous = entries.get(record.id);
    if (previous?.replacedEpochs.has(record.epoch)) throw replaced(record, previous.record.epoch);
    if (removed.has(record.epoch)) throw wasRemoved(record);
    accept?.(record);
    // By content: heartbeats that came over a wire are new objects each time.
    const changed = previous === undefined || !isDeepStrictEqual(previous.record, record);
    entries.set(record.id, {
      record: changed ? freezeRecord(record) : previous.record,
      holder,
      heardAt: clock.now(),
      replacedEpochs: replacedEpochs(previous, record),
    });
    if (changed) publish();
  }

  function attach(): Lease {
    let held: WorkerRecord | undefined;
    let ended = false;
    const lease: Lease = {
      announce(record) {
        if (ended)
          throw new BatonError("internal", `Cannot announce worker "${record.id}": its lease has ended`);
        if (held) assertSameWorker(held, record);
        held = record;
        put(record, lease);
      },
      end() {
        ended = true;
        if (held === undefined || entries.get(held.id)?.holder !== lease) return;
        entries.delete(held.id);
        publish();
      },
    };
    return lease;
  }

  function expire(): void {
    const oldest = clock.now() - SILENT_INTERVALS * heartbeatMs;
    const silent = [...entries.values()].filter((entry) => entry.heardAt <= oldest);
    for (const { record } of silent) entries.delete(record.id);
    if (silent.length > 0) publish();
  }

  async function remove({ id, epoch }: Pick<WorkerRecord, "id" | "epoch">): Promise<void> {
    if (entries.get(id)?.record.epoch !== epoch) return;
    removed.add(epoch);
    for (const oldest of removed) if (removed.size > MAX_REMOVED) removed.delete(oldest);
    entries.delete(id);
    publish();
  }

  return {
    heartbeatMs,
    attach,
    expire,
    remove,
    workers: () => view,
    refused: () => [],
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function replacedEpochs(previous: Entry | undefined, record: WorkerRecord): ReadonlySet<string> {
  if (previous === undefined) return new Set();
  if (previous.record.epoch === record.epoch) return previous.replacedEpochs;
  return new Set([...previous.replacedEpochs, previous.record.epoch]);
}

function assertSameWorker(held: WorkerRecord, record: WorkerRecord): void {
  if (held.id === record.id && held.epoch === record.epoch) return;
  throw new BatonError(
    "invalid_argument",
    `Cannot announce worker "${record.id}" epoch "${record.epoch}": this lease is of "${held.id}" epoch "${held.epoch}"`,
    { param: "id" },
  );
}

function wasRemoved({ id, epoch }: WorkerRecord): BatonError {
  return new BatonError(
    "permission_denied",
    `Cannot announce worker "${id}" epoch "${epoch}": it was removed, expected a new process of it`,
  );
}

function replaced(record: WorkerRecord, by: string): BatonError {
  return new BatonError(
    "permission_denied",
    `Cannot announce worker "${record.id}" epoch "${record.epoch}": epoch "${by}" has replaced it`,
  );
}
