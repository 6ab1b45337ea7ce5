/** What the router's metrics are read from at a scrape. */
import type { Metrics } from "@baton/metrics";
import type { RoutableWorker, WorkerView } from "@baton/routing";
import type { Admission } from "./pipeline/admit.ts";

/** Where the figures come from. */
export interface RouterFigures {
  readonly admission: Admission;
  /** The registered workers with their loads. */
  readonly view: () => WorkerView;
}

export function readRouterMetrics(metrics: Metrics, { admission, view }: RouterFigures): void {
  metrics.read("baton_requests_running", () => [{ labels: {}, value: admission.running }]);
  metrics.read("baton_requests_waiting", () => [{ labels: {}, value: admission.waiting }]);
  metrics.read("baton_router_workers", () =>
    view().map(({ record: { role, state } }) => ({ labels: { worker_role: role, state }, value: 1 })),
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
}

function workerLabels({ record }: RoutableWorker) {
  return { worker: record.id, worker_role: record.role };
}
