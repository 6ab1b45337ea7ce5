/**
 * Turns the changes of a prefix cache into numbered events, to be taken in batches.
 *
 *   J1  Events have consecutive numbers from 1 on, in the order in which the changes happened.
 *   J2  Changes of one kind that follow one another share an event until it is taken or full.
 *   J3  Whoever follows from `number` on and applies every event that is taken later knows the cache as it is.
 */
import type { KvCacheEvent } from "@baton/core";
import type { PrefixCacheObserver } from "./prefix-cache.ts";

/** Names in one event at most, so that an event always fits a message. */
const MAX_NAMES = 4096;

type OpenEvent =
  | { readonly kind: "stored" | "removed"; readonly names: bigint[] }
  | { readonly kind: "cleared" };

/** Events that were taken together. */
export interface KvEventBatch {
  /** Number of the first event; the others follow. */
  readonly firstNumber: number;
  readonly events: readonly KvCacheEvent[];
}

export class KvEventLog implements PrefixCacheObserver {
  readonly #onPending: () => void;
  #taken = 0;
  #open: OpenEvent[] = [];

  /** `onPending` is called with the first change after each `take`; it must not throw and must not call back. */
  constructor(onPending: () => void) {
    this.#onPending = onPending;
  }

  /** Number of the last event taken; 0 before the first. */
  get number(): number {
    return this.#taken;
  }

  stored(name: bigint): void {
    this.#add("stored", name);
  }

  removed(name: bigint): void {
    this.#add("removed", name);
  }

  cleared(): void {
    this.#push({ kind: "cleared" });
  }

  /** Takes all events since the last call; undefined if nothing has changed. */
  take(): KvEventBatch | undefined {
    if (this.#open.length === 0) return undefined;
    const firstNumber = this.#taken + 1;
    const events = this.#open.map(packed);
    this.#taken += events.length;
    this.#open = [];
    return { firstNumber, events };
  }

  #add(kind: "stored" | "removed", name: bigint): void {
    const last = this.#open.at(-1);
    if (last?.kind === kind && last.names.length < MAX_NAMES) last.names.push(name);
    else this.#push({ kind, names: [name] });
  }

  #push(event: OpenEvent): void {
    this.#open.push(event);
    if (this.#open.length === 1) this.#onPending();
  }
}

function packed(event: OpenEvent): KvCacheEvent {
  if (event.kind === "cleared") return event;
  // The platform is little-endian, as every one that Node runs on.
  return { kind: event.kind, blocks: new Uint8Array(BigUint64Array.from(event.names).buffer) };
}
