/**
 * One gRPC client of each kind per worker, made when it is first needed.
 *
 *   C1  A client belongs to one epoch and address of a worker: a restarted worker gets a new one.
 *   C2  A client is closed when its worker has left the registry; calls that run on it still end by themselves, unless
 *       the worker is abandoned: then whoever has asked for it is told to end them.
 */
import type { WorkerRecord } from "@baton/core";
import type { WorkerRegistry } from "@baton/registry";
import {
  type ControlClient,
  createControlClient,
  createDecodeClient,
  createFeedClient,
  createPrefillClient,
  type DecodeClient,
  type FeedClient,
  type PrefillClient,
} from "@baton/rpc";
import type { TlsIdentity } from "@baton/tls";

export class WorkerClients implements Disposable {
  readonly #registry: WorkerRegistry;
  readonly #tls: TlsIdentity | undefined;
  readonly #prefill = new Map<string, PrefillClient>();
  readonly #decode = new Map<string, DecodeClient>();
  readonly #control = new Map<string, ControlClient>();
  readonly #feed = new Map<string, FeedClient>();
  /** Who runs calls on a worker, and would end them. */
  readonly #abandoning = new Map<string, Set<() => void>>();
  readonly #stopWatching: () => void;

  constructor(registry: WorkerRegistry, tls?: TlsIdentity) {
    this.#tls = tls;
    this.#registry = registry;
    this.#stopWatching = registry.onChange(() => this.#closeLeft());
  }

  prefill(worker: WorkerRecord): PrefillClient {
    return getOrMake(this.#prefill, keyOf(worker), () => createPrefillClient(worker.grpcAddress, this.#tls));
  }

  decode(worker: WorkerRecord): DecodeClient {
    return getOrMake(this.#decode, keyOf(worker), () => createDecodeClient(worker.grpcAddress, this.#tls));
  }

  control(worker: WorkerRecord): ControlClient {
    return getOrMake(this.#control, keyOf(worker), () => createControlClient(worker.grpcAddress, this.#tls));
  }

  /** A client that the worker's leaving does not close: its user does. */
  controlApart(worker: WorkerRecord): ControlClient {
    return createControlClient(worker.grpcAddress, this.#tls);
  }

  feed(worker: WorkerRecord): FeedClient {
    return getOrMake(this.#feed, keyOf(worker), () => createFeedClient(worker.grpcAddress, this.#tls));
  }

  /** Has `listener` called if the worker is abandoned; the result ends this. */
  onAbandoned(worker: WorkerRecord, listener: () => void): () => void {
    const key = keyOf(worker);
    const listeners = getOrMake(this.#abandoning, key, () => new Set<() => void>());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#abandoning.delete(key);
    };
  }

  /** Has every call that runs on the worker ended. */
  abandon(worker: WorkerRecord): void {
    for (const listener of [...(this.#abandoning.get(keyOf(worker)) ?? [])]) listener();
  }

  /** Closes every client. */
  [Symbol.dispose](): void {
    this.#stopWatching();
    this.#closeExcept(new Set());
  }

  #closeLeft(): void {
    this.#closeExcept(new Set(this.#registry.workers().map(keyOf)));
  }

  #closeExcept(kept: ReadonlySet<string>): void {
    for (const clients of [this.#prefill, this.#decode, this.#control, this.#feed]) {
      for (const [key, client] of clients) {
        if (kept.has(key)) continue;
        clients.delete(key);
        client.close();
      }
    }
  }
}

function keyOf(worker: WorkerRecord): string {
  return `${worker.id}/${worker.epoch}/${worker.grpcAddress}`;
}

function getOrMake<T>(clients: Map<string, T>, key: string, make: () => T): T {
  const client = clients.get(key) ?? make();
  clients.set(key, client);
  return client;
}
