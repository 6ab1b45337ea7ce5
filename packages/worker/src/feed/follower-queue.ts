/**
 * What one router is still to be told, in bounded memory however slowly it reads. Pure.
 *
 *   Q1  Events follow one another without a gap, or a snapshot that contains the missing ones comes between.
 *   Q2  Events that name more blocks than `limit` are dropped in favour of a snapshot: it would be the shorter message.
 *   Q3  A snapshot that has begun is sent to its end, so that a router which never keeps up still gets somewhere.
 *   Q4  Of the load only the latest is told, and at once.
 */
import type { FeedUpdate, KvCacheEvent, LoadReport } from "@baton/core";

/** Bytes of a block's name. */
const NAME_BYTES = 8;
/** Bytes of one part of a snapshot; far below the largest message. */
const PART_BYTES = 256 * 1024;

/** Events that go out in one message. */
export interface PendingEvents {
  readonly firstNumber: number;
  readonly events: readonly KvCacheEvent[];
  /** When the first of them happened, in epoch ms. */
  readonly since: number;
}

/** Where a queue gets what is true now. */
export interface FollowerSource {
  /** The whole prefix cache, and the number of the last event that it contains; later ones are pushed. */
  snapshot(): { readonly number: number; readonly blocks: Uint8Array };
  load(): LoadReport;
}

/** A snapshot of which `sent` bytes are on their way. */
interface Snapshot {
  readonly number: number;
  readonly blocks: Uint8Array;
  sent: number;
}

export class FollowerQueue {
  readonly #source: FollowerSource;
  readonly #limit: number;
  #events: PendingEvents[] = [];
  /** Names in `#events`; an event without any counts as one. */
  #names = 0;
  #snapshot: Snapshot | undefined;
  #needsSnapshot = true;
  #needsLoad = true;

  /** For a router that knows nothing yet. `limit` is the number of names that may wait for it. */
  constructor(source: FollowerSource, limit: number) {
    this.#source = source;
    this.#limit = limit;
  }

  /** Adds events; true if it was too much, and a snapshot will be sent instead. */
  push(events: PendingEvents): boolean {
    if (this.#needsSnapshot) return false; // It will contain them.
    this.#events.push(events);
    this.#names += countNames(events);
    if (this.#names <= this.#limit) return false;
    this.#dropEvents();
    this.#needsSnapshot = true;
    return true;
  }

  loadChanged(): void {
    this.#needsLoad = true;
  }

  /** What to say next at `now` (epoch ms); undefined if there is nothing. */
  next(now: number): FeedUpdate | undefined {
    if (this.#needsLoad) {
      this.#needsLoad = false;
      return { kind: "load", load: this.#source.load() };
    }
    if (!this.#snapshot && this.#needsSnapshot) this.#begin();
    if (this.#snapshot) return this.#part(this.#snapshot);
    const pending = this.#events.shift();
    if (!pending) return undefined;
    this.#names -= countNames(pending);
    const { firstNumber, events, since } = pending;
    return { kind: "events", firstNumber, events, waitedMs: Math.max(now - since, 0) };
  }

  #begin(): void {
    this.#snapshot = { ...this.#source.snapshot(), sent: 0 };
    this.#needsSnapshot = false;
  }

  #part(snapshot: Snapshot): FeedUpdate {
    const { number } = snapshot;
    const blocks = snapshot.blocks.subarray(snapshot.sent, snapshot.sent + PART_BYTES);
    snapshot.sent += blocks.byteLength;
    const final = snapshot.sent === snapshot.blocks.byteLength;
    if (final) this.#snapshot = undefined;
    return { kind: "snapshot", number, blocks, final };
  }

  #dropEvents(): void {
    this.#events = [];
    this.#names = 0;
  }
}

function countNames({ events }: PendingEvents): number {
  return events.reduce((sum, event) => sum + namesOf(event), 0);
}

function namesOf(event: KvCacheEvent): number {
  return event.kind === "cleared" ? 1 : event.blocks.byteLength / NAME_BYTES;
}
