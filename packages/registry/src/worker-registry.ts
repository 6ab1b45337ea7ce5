import type { WorkerId, WorkerRecord } from "@baton/core";

/** A worker that `accept` refused, or whose record cannot be read. */
export interface RefusedWorker {
  readonly id: WorkerId;
  readonly epoch: string;
  readonly reason: string;
}

/** Which workers exist: the read side, held by a router. */
export interface WorkerRegistry {
  /** The workers known now, sorted by id; the array and its records are frozen and never change. */
  workers(): readonly WorkerRecord[];
  /** Workers of a shared registry that are there, and are left out; a registry of the router's own tells them itself. */
  refused(): readonly RefusedWorker[];
  /**
   * Calls `listener` after every change of `workers()`; a heartbeat that changes nothing is no change.
   * Returns the function that ends this. A listener must not throw.
   */
  onChange(listener: () => void): () => void;
  /**
   * Takes this epoch of a worker out at once, and does not take it in again whatever it announces; a later epoch of the
   * id is welcome. Does nothing where the epoch is not there.
   * @throws BatonError `unavailable` when the registry cannot be reached.
   */
  remove(worker: Pick<WorkerRecord, "id" | "epoch">): Promise<void>;
}

/** The write side, held by a worker: keeps one record alive in the registry until closed. */
export interface WorkerAnnouncer {
  /** Makes `record` the announced one, at once and from then on with every heartbeat. Never throws. */
  announce(record: WorkerRecord): void;
  /** Says goodbye: the worker leaves the registry. Safe to call more than once. */
  close(): Promise<void>;
}

/**
 * One worker's hold on its place in an in-memory registry; it lives as long as the worker's connection.
 * All announcements of a lease are of the same worker id and epoch.
 */
export interface Lease {
  /**
   * Announces the worker, or says that it is still there.
   * @throws BatonError what `accept` threw; `invalid_argument` for another id or epoch than before on this lease;
   *   `permission_denied` when a newer epoch has taken the worker's place, or this one was removed; `internal` once the lease has ended.
   */
  announce(record: WorkerRecord): void;
  /** Ends the lease: its worker is gone, unless a later lease has taken its place. Safe to call more than once. */
  end(): void;
}
