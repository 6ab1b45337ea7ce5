/** What a worker's metrics are read from at a scrape, and what each step of its engine adds to them. */
import type { EngineApi, StepRecord } from "@baton/engine";
import type { KvTransferStatus } from "@baton/kv-transfer";
import type { Metrics } from "@baton/metrics";
import type { WorkerFeed } from "./feed/worker-feed.ts";

/** Where the figures come from. */
export interface WorkerFigures {
  readonly engine: Pick<EngineApi, "status">;
  readonly kvStatus: () => KvTransferStatus;
  readonly feed: Pick<WorkerFeed, "followers" | "overflows">;
}

export function readWorkerMetrics(metrics: Metrics, { engine, kvStatus, feed }: WorkerFigures): void {
  const scheduler = () => engine.status();
  metrics.read("baton_requests_running", () => one(scheduler().prefilling + scheduler().running));
  metrics.read("baton_requests_waiting", () => one(scheduler().waiting + scheduler().ready));
  metrics.read("baton_sequences", () => {
    const { waiting, prefilling, holding, receiving, ready, running } = scheduler();
    return byState({ waiting, prefilling, holding, receiving, ready, running });
  });
  metrics.read("baton_kv_blocks", () => {
    const { free, cached, used } = scheduler().blocks;
    return byState({ free, cached, used });
  });
  metrics.read("baton_kv_blocks_capacity", () => one(scheduler().blocks.total));
  metrics.read("baton_prefix_cache_hit_tokens_total", () => one(scheduler().prefixCache.hitTokens));
  metrics.read("baton_prefix_cache_miss_tokens_total", () => one(scheduler().prefixCache.missTokens));
  metrics.read("baton_kv_rooms", () => {
    const { bootstrapping, waiting_for_input, transferring } = kvStatus().rooms;
    return byState({ bootstrapping, waiting_for_input, transferring });
  });
  metrics.read("baton_kv_connections", () => one(kvStatus().connections));
  metrics.read("baton_feed_followers", () => one(feed.followers));
  metrics.read("baton_feed_overflows_total", () => one(feed.overflows));
}

export function stepMetrics(metrics: Metrics): (step: StepRecord) => void {
  return ({ startedAt, endedAt, prefills, decodes }) => {
    metrics.observe("baton_engine_step_seconds", (endedAt - startedAt) / 1000, {});
    metrics.observe("baton_engine_batch_sequences", prefills, { kind: "prefill" });
    metrics.observe("baton_engine_batch_sequences", decodes, { kind: "decode" });
  };
}

function one(value: number) {
  return [{ labels: {}, value }];
}

function byState(counts: Readonly<Record<string, number>>) {
  return Object.entries(counts).map(([state, value]) => ({ labels: { state }, value }));
}
