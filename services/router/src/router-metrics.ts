/** What the router's metrics are read from at a scrape. */
import type { Metrics } from "@baton/metrics";
import type { KvIndex, RoutableWorker, WorkerView } from "@baton/routing";
import type { TraceStore } from "@baton/trace-store";
import type { WorkerFeeds } from "./feeds/worker-feeds.ts";
import type { Admission } from "./pipeline/admit.ts";
import type { WorkerWatch } from "./pipeline/worker-watch.ts";

/** Where the figures come from. */
/** What the trace store counts where there is none. */
const NO_TRACES = { traces: 0, evictedTraces: 0, refusedSpans: 0 };

export interface RouterFigures {
  readonly admission: Admission;
  /** The registered workers with their loads. */
  readonly view: () => WorkerView;
  readonly watch: WorkerWatch;
  readonly kvIndex: Pick<KvIndex, "status" | "reportedBlocks">;
  readonly feeds: Pick<WorkerFeeds, "counts">;
  readonly traceStore: TraceStore | undefined;
}

export function readRouterMetrics(
  metrics: Metrics,
  { admission, view, watch, traceStore, kvIndex, feeds }: RouterFigures,
): void {
  const stored = () => traceStore?.counts() ?? NO_TRACES;
  metrics.read("baton_trace_store_traces", () => [{ labels: {}, value: stored().traces }]);
  metrics.read("baton_trace_store_evicted_total", () => [{ labels: {}, value: stored().evictedTraces }]);
  metrics.read("baton_trace_store_refused_spans_total", () => [{ labels: {}, value: stored().refusedSpans }]);
  metrics.read("baton_requests_running", () => [{ labels: {}, value: admission.running }]);
  metrics.read("baton_requests_waiting", () => [{ labels: {}, value: admission.waiting }]);
  metrics.read("baton_router_workers", () =>
    view().map(({ record: { role, state } }) => ({ labels: { worker_role: role, state }, value: 1 })),
  );
  metrics.read("baton_router_circuits", () =>
    view().map((worker) => ({
      labels: { ...workerLabels(worker), state: watch.circuitOf(worker.record) },
      value: 1,
    })),
  );
  metrics.read("baton_router_worker_requests", () =>
    view().map((worker) => ({ labels: workerLabels(worker), value: worker.load.requests })),
  );
  metrics.read("baton_router_worker_prefill_tokens", () =>
    view().map((worker) => ({ labels: workerLabels(worker), value: worker.load.prefillTokens })),
  );
  metrics.read("baton_router_worker_decode_blocks", () =>
    view().map((worker) => ({ labels: workerLabels(worker), value: worker.load.decodeBlocks })),
  );
  metrics.read("baton_router_worker_cached_blocks", () =>
    view().map((worker) => ({ labels: workerLabels(worker), value: kvIndex.reportedBlocks(worker.record) })),
  );
  metrics.read("baton_router_kv_index_blocks", () => [{ labels: {}, value: kvIndex.status().blocks }]);
  metrics.read("baton_router_kv_index_bytes", () => [{ labels: {}, value: kvIndex.status().bytes }]);
  metrics.read("baton_router_feeds", () => {
    return Object.entries(feeds.counts).map(([state, value]) => ({ labels: { state }, value }));
  });
}

function workerLabels({ record }: RoutableWorker) {
  return { worker: record.id, worker_role: record.role };
}
