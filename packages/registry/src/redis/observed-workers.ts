/**
 * The workers as a router makes them out from what it reads and hears: pure, told how much time has passed.
 *
 *   O1  A sign of life is an announcement of another epoch, or of the same with a larger beat. Old news changes nothing.
 *   O2  A worker is silent after three intervals without a sign of life. Only time in which Redis answered counts, and
 *       after an outage everybody has three new intervals: a Redis that was away, paused or flushed takes no worker away.
 *   O3  A goodbye takes effect at once.
 *   O4  What is not live is kept as long as Redis still lists it, or a second look at the same entry would revive it.
 */
import { BatonError, type WorkerId, type WorkerRecord } from "@baton/core";
import { freezeRecord } from "../freeze-record.ts";
import type { RefusedWorker } from "../worker-registry.ts";
import { type Announcement, parseRecord } from "./announcement.ts";

/** Intervals without a sign of life after which a worker counts as gone. */
export const SILENT_INTERVALS = 3;

export interface ObservedWorkersOptions {
  readonly heartbeatMs: number;
  /** Refuses a record by throwing; the worker is left out. */
  readonly accept?: ((record: WorkerRecord) => void) | undefined;
  /** Told of records that are refused or unreadable, once per record. */
  readonly onRefused: (announcement: Announcement, reason: BatonError) => void;
}

/** Of a record: it is taken in, or there is a reason why not. */
type Verdict =
  | { readonly kind: "accepted"; readonly record: WorkerRecord }
  | { readonly kind: "refused"; readonly reason: string };

interface Entry {
  readonly announcement: Announcement;
  /** Absent for a goodbye. */
  readonly verdict: Verdict | undefined;
  readonly state: "live" | "silent" | "gone";
  /** Time without a sign of life, in ms. */
  readonly silentMs: number;
}

export class ObservedWorkers {
  readonly #options: ObservedWorkersOptions;
  readonly #entries = new Map<WorkerId, Entry>();
  #view: readonly WorkerRecord[] = Object.freeze([]);

  constructor(options: ObservedWorkersOptions) {
    this.#options = options;
  }

  /** The live workers, sorted by id, frozen. */
  get workers(): readonly WorkerRecord[] {
    return this.#view;
  }

  /** The live ones that are left out, sorted by id. */
  get refused(): readonly RefusedWorker[] {
    return this.#live().flatMap(({ announcement: { id, epoch }, verdict }) =>
      verdict?.kind === "refused" ? { id, epoch, reason: verdict.reason } : [],
    );
  }

  /** Takes in one announcement; true if `workers` changed. */
  hear(announcement: Announcement): boolean {
    this.#take(announcement);
    return this.#refresh();
  }

  /** Takes in all announcements that Redis lists, `elapsedMs` after the last list; true if `workers` changed. */
  read(announcements: readonly Announcement[], elapsedMs: number): boolean {
    for (const [id, entry] of this.#entries) this.#entries.set(id, this.#aged(entry, elapsedMs));
    for (const announcement of announcements) this.#take(announcement);
    const listed = new Set(announcements.map(({ id }) => id));
    for (const [id, { state }] of this.#entries) {
      if (state !== "live" && !listed.has(id)) this.#entries.delete(id);
    }
    return this.#refresh();
  }

  /** Gives every worker a full time again: Redis was away (O2). */
  forgive(): void {
    for (const [id, entry] of this.#entries) this.#entries.set(id, { ...entry, silentMs: 0 });
  }

  #aged(entry: Entry, elapsedMs: number): Entry {
    const silentMs = entry.silentMs + elapsedMs;
    const isSilent = entry.state === "live" && silentMs >= SILENT_INTERVALS * this.#options.heartbeatMs;
    return { ...entry, silentMs, state: isSilent ? "silent" : entry.state };
  }

  #take(announcement: Announcement): void {
    const known = this.#entries.get(announcement.id);
    if (known && !isNews(announcement, known.announcement)) return;
    this.#entries.set(announcement.id, {
      announcement,
      verdict: isSameRecord(announcement, known) ? known.verdict : this.#judge(announcement),
      state: announcement.gone ? "gone" : "live",
      silentMs: 0,
    });
  }

  #judge(announcement: Announcement): Verdict | undefined {
    if (announcement.gone) return undefined;
    try {
      const record = parseRecord(announcement);
      if (!record) throw unreadable(announcement);
      this.#options.accept?.(record);
      return { kind: "accepted", record: freezeRecord(record) };
    } catch (thrown) {
      const reason = BatonError.from(thrown);
      this.#options.onRefused(announcement, reason);
      return { kind: "refused", reason: reason.message };
    }
  }

  /** Sorted by id. */
  #live(): readonly Entry[] {
    const live = [...this.#entries.values()].filter(({ state }) => state === "live");
    return live.sort((a, b) => (a.announcement.id < b.announcement.id ? -1 : 1));
  }

  #refresh(): boolean {
    const records = this.#live().flatMap(({ verdict }) =>
      verdict?.kind === "accepted" ? verdict.record : [],
    );
    const isSame = records.length === this.#view.length && records.every((each, i) => each === this.#view[i]);
    if (!isSame) this.#view = Object.freeze(records);
    return !isSame;
  }
}

/** True if the record was judged before; a goodbye judges nothing. */
function isSameRecord(next: Announcement, known: Entry | undefined): known is Entry {
  if (!known || known.announcement.gone) return false;
  return next.epoch === known.announcement.epoch && next.record === known.announcement.record;
}

function isNews(next: Announcement, known: Announcement): boolean {
  if (next.epoch !== known.epoch) return true;
  return next.beat > known.beat || (next.gone && !known.gone);
}

function unreadable({ id }: Announcement): BatonError {
  return new BatonError(
    "invalid_argument",
    `Cannot accept worker "${id}": its record in Redis is not one of this version, expected the fields of a worker`,
  );
}
