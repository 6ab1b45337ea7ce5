/** Every change of the set of workers as a trace of its own, with the module `routing`. */
import { systemClock, type WorkerRecord } from "@baton/core";
import type { WorkerRegistry } from "@baton/registry";
import { ATTR, type RequestTracer, STANDALONE } from "@baton/tracing";

/** Starts to record; the result ends it. Does nothing where the module is off. */
export function traceWorkers(registry: WorkerRegistry, tracer: RequestTracer): () => void {
  if (!tracer.traces("routing")) return () => {};
  let before = named(registry.workers());
  return registry.onChange(() => {
    const now = named(registry.workers());
    const at = systemClock.now();
    tracer.recordStandalone({
      module: "routing",
      name: STANDALONE.workersChanged,
      startTime: at,
      endTime: at,
      attributes: {
        [ATTR.workers]: [...now],
        [ATTR.workersAdded]: without(now, before),
        [ATTR.workersLeft]: without(before, now),
      },
    });
    before = now;
  });
}

/** A worker that was restarted, or changed its state, is another entry. */
function named(workers: readonly WorkerRecord[]): Set<string> {
  return new Set(workers.map(({ id, epoch, state }) => `${id} ${epoch.slice(0, 8)} ${state}`));
}

function without(set: ReadonlySet<string>, other: ReadonlySet<string>): string[] {
  return [...set].filter((worker) => !other.has(worker));
}
