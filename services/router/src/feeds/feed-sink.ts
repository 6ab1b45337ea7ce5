/** Where the updates of workers go: what their caches hold to the index, how busy they are to the watch. */
import type { FeedUpdate, KvCacheEvent, LoadReport, WorkerRecord } from "@baton/core";
import type { Metrics } from "@baton/metrics";
import { blockNamesFromBytes, type KvIndex, type KvUpdate } from "@baton/routing";

export interface FeedSinkParts {
  readonly kvIndex: KvIndex;
  readonly watch: {
    reported(worker: WorkerRecord, report: LoadReport): void;
    unheard(worker: WorkerRecord): void;
  };
  readonly metrics: Metrics;
}

export class FeedSink {
  readonly #parts: FeedSinkParts;

  constructor(parts: FeedSinkParts) {
    this.#parts = parts;
  }

  /**
   * A call to a worker begins, and its first snapshot is there for `reason`. The result takes in the call's updates in
   * order; it returns what is missing where events are, and the call is of no use from then on.
   */
  begin(worker: WorkerRecord, reason: string): (update: FeedUpdate) => string | undefined {
    let snapshots = 0;
    return (update) => {
      switch (update.kind) {
        case "load":
          this.#parts.watch.reported(worker, update.load);
          return undefined;
        case "snapshot":
          if (update.final) this.#countSnapshot(snapshots++ === 0 ? reason : "overflow");
          return this.#apply(worker, { ...update, blocks: blockNamesFromBytes(update.blocks) });
        case "events":
          return this.#events(worker, update);
      }
    };
  }

  /** No updates of the worker come any more. */
  unheard(worker: WorkerRecord): void {
    this.#parts.watch.unheard(worker);
  }

  #events(
    worker: WorkerRecord,
    { firstNumber, events, waitedMs }: Extract<FeedUpdate, { kind: "events" }>,
  ): string | undefined {
    const { metrics } = this.#parts;
    metrics.observe("baton_router_feed_wait_seconds", waitedMs / 1000, {});
    for (const [i, event] of events.entries()) {
      metrics.add("baton_router_feed_events_total", 1, { kind: event.kind });
      const gap = this.#apply(worker, toUpdate(event, firstNumber + i));
      if (gap !== undefined) return gap;
    }
    return undefined;
  }

  #apply(worker: WorkerRecord, update: KvUpdate): string | undefined {
    const verdict = this.#parts.kvIndex.apply(worker, update);
    return verdict.kind === "resnapshot" ? verdict.why : undefined;
  }

  #countSnapshot(kind: string): void {
    this.#parts.metrics.add("baton_router_feed_snapshots_total", 1, { kind });
  }
}

function toUpdate(event: KvCacheEvent, number: number): KvUpdate {
  if (event.kind === "cleared") return { kind: "cleared", number };
  return { kind: event.kind, number, blocks: blockNamesFromBytes(event.blocks) };
}
