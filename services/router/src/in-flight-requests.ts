/**
 * The requests that are being answered, from their first byte to the end of their trace.
 *
 *   F1  No two running requests have the same id: workers tell them apart by it.
 *   F2  Once drain() is called no request enters, and it resolves when the last one has left.
 *   F3  Between announceStop() and drain() requests enter, but the router says that it stops, so that whoever sends
 *       requests can learn of it before the first one is refused.
 */
import { BatonError, type RequestId } from "@baton/core";

/** A request that can be told to end. */
export interface Abortable {
  readonly id: RequestId;
  abort(error: BatonError): void;
}

export class InFlightRequests {
  readonly #requests = new Map<RequestId, Abortable>();
  readonly #empty = Promise.withResolvers<void>();
  #stopping = false;
  #draining = false;

  get size(): number {
    return this.#requests.size;
  }

  /** Whether the router is about to stop, and no request should be sent to it any more. */
  get stopping(): boolean {
    return this.#stopping;
  }

  announceStop(): void {
    this.#stopping = true;
  }

  has(id: RequestId): boolean {
    return this.#requests.has(id);
  }

  add(request: Abortable): void {
    this.#requests.set(request.id, request);
  }

  remove(request: Abortable): void {
    this.#requests.delete(request.id);
    if (this.#draining && this.size === 0) this.#empty.resolve();
  }

  /** @throws BatonError `unavailable` once draining has begun. */
  assertOpen(): void {
    if (this.#draining)
      throw new BatonError("unavailable", "Cannot accept the request: the router is stopping");
  }

  /** Gives a running request another name, which must be free. */
  rename(request: Abortable, id: RequestId): void {
    this.#requests.delete(request.id);
    this.#requests.set(id, request);
  }

  /** Tells a request to end; false if there is none of that name. */
  abort(id: RequestId, error: BatonError): boolean {
    const request = this.#requests.get(id);
    request?.abort(error);
    return request !== undefined;
  }

  /** Tells all running requests to end, and says how many they are. */
  abortAll(error: BatonError): number {
    const running = [...this.#requests.values()];
    for (const request of running) request.abort(error);
    return running.length;
  }

  /** Lets running requests end for `limitMs`, then aborts the rest with `unavailable` and waits for their ends. */
  async drain(limitMs: number): Promise<void> {
    this.#stopping = true;
    this.#draining = true;
    if (this.size === 0) return;
    const timer = setTimeout(() => this.abortAll(stopping(limitMs)), limitMs);
    await this.#empty.promise;
    clearTimeout(timer);
  }
}

function stopping(limitMs: number): BatonError {
  return new BatonError(
    "unavailable",
    `Cannot finish the request: the router is stopping and waited ${limitMs} ms`,
  );
}
