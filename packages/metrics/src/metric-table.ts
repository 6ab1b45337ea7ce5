/**
 * Every metric of every process: name, type, unit, labels and where it is found. Nothing else names a metric, and the
 * tables of DESIGN.md are compared with this file by a test.
 *
 * Names are `baton_*` in base units, and OpenTelemetry's `gen_ai.server.*` as Prometheus spells them. The name of a
 * metric ends in its unit, that of a counter in `_total` after it.
 */
import {
  BATCH_SEQUENCES,
  BYTES_PER_SECOND,
  GEN_AI_FIRST_TOKEN_SECONDS,
  GEN_AI_OUTPUT_TOKEN_SECONDS,
  GEN_AI_REQUEST_SECONDS,
  REQUEST_SECONDS,
  STAGE_SECONDS,
  STEP_SECONDS,
} from "./buckets.ts";

/** What a process is; a label of every metric. */
export type MetricsRole = "router" | "prefill" | "decode" | "aggregated";

/** What each label says, and what bounds the number of its values. */
export const LABELS = {
  role: "what the process is: `router`, `prefill`, `decode` or `aggregated`; on every metric",
  stage: "a stage of a request, named as its span",
  outcome: "`success`, `error` or `canceled`",
  reason: "an error code of the closed list",
  state: "a state of the closed list of what is counted",
  kind: "a kind of the closed list of what is counted",
  mode: "`disaggregated` (two workers), `local` (one worker does both), `unavailable` (none can)",
  why: "what a decision rests on, of the closed list of its metric",
  worker: "id of a worker that is registered now; a worker that left has no series",
  worker_role: "what that worker is: `prefill`, `decode` or `aggregated`",
  gen_ai_operation_name: "`chat` or `text_completion`",
  gen_ai_provider_name: "`baton`",
  gen_ai_request_model: "the model served; a request for another one is counted without a model",
  error_type: "an error code of the closed list, empty on success",
} as const;

type LabelName = Exclude<keyof typeof LABELS, "role">;

interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** The unit, which is part of the name; "" for counts of things. */
  readonly unit: "seconds" | "bytes" | "bytes_per_second" | "tokens" | "";
  /** Besides `role`. */
  readonly labels: readonly LabelName[];
  /** Which processes have it. */
  readonly roles: readonly MetricsRole[];
  /** Upper bounds, of a histogram. */
  readonly buckets?: readonly number[];
}

const ALL = ["router", "prefill", "decode", "aggregated"] as const;
const ROUTER = ["router"] as const;
const WORKERS = ["prefill", "decode", "aggregated"] as const;
/** Those that hand KV over. */
const PAIRED = ["prefill", "decode"] as const;
/** Those that see a token after the first: a prefill worker never does. */
const STREAMING = ["router", "decode", "aggregated"] as const;

const GEN_AI_LABELS = ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"] as const;

export const METRICS = {
  baton_requests_total: {
    type: "counter",
    help: "Requests that ended; on a worker, its legs of them.",
    unit: "",
    labels: ["outcome"],
    roles: ALL,
  },
  baton_request_failures_total: {
    type: "counter",
    help: "Requests or legs that did not end well, by error code.",
    unit: "",
    labels: ["reason"],
    roles: ALL,
  },
  baton_requests_running: {
    type: "gauge",
    help: "Requests that are worked on.",
    unit: "",
    labels: [],
    roles: ALL,
  },
  baton_requests_waiting: {
    type: "gauge",
    help: "Requests that wait for their turn.",
    unit: "",
    labels: [],
    roles: ALL,
  },
  baton_request_duration_seconds: {
    type: "histogram",
    help: "From the arrival of a request, or of a worker's leg of it, to its end.",
    unit: "seconds",
    labels: ["outcome"],
    roles: ALL,
    buckets: REQUEST_SECONDS,
  },
  baton_request_stage_seconds: {
    type: "histogram",
    help: "Duration of one stage of a request; measured whether or not the request is traced.",
    unit: "seconds",
    labels: ["stage"],
    roles: ALL,
    buckets: STAGE_SECONDS,
  },
  baton_request_queue_seconds: {
    type: "histogram",
    help: "Waiting in a queue: for admission, for the first chunk of a prompt, for a slot of the batch.",
    unit: "seconds",
    labels: [],
    roles: ALL,
    buckets: STAGE_SECONDS,
  },
  baton_time_to_first_token_seconds: {
    type: "histogram",
    help: "From the arrival of a request or leg to its first token; nothing for one without output.",
    unit: "seconds",
    labels: [],
    roles: ALL,
    buckets: REQUEST_SECONDS,
  },
  baton_inter_token_latency_seconds: {
    type: "histogram",
    help: "Between one token of an answer and the next; each choice is an answer of its own.",
    unit: "seconds",
    labels: [],
    roles: STREAMING,
    buckets: STEP_SECONDS,
  },
  baton_prompt_tokens_total: {
    type: "counter",
    help: "Prompt tokens of requests or legs that ended well.",
    unit: "tokens",
    labels: [],
    roles: ALL,
  },
  baton_cached_tokens_total: {
    type: "counter",
    help: "Those of the prompt tokens whose KV was found in a prefix cache.",
    unit: "tokens",
    labels: [],
    roles: ALL,
  },
  baton_completion_tokens_total: {
    type: "counter",
    help: "Tokens written by requests or legs that ended well.",
    unit: "tokens",
    labels: [],
    roles: ALL,
  },
  baton_sequences: {
    type: "gauge",
    help: "Sequences in the scheduler: waiting, prefilling, holding, receiving, ready, running.",
    unit: "",
    labels: ["state"],
    roles: WORKERS,
  },
  baton_kv_blocks: {
    type: "gauge",
    help: "KV blocks: free, cached, used.",
    unit: "",
    labels: ["state"],
    roles: WORKERS,
  },
  baton_kv_blocks_capacity: {
    type: "gauge",
    help: "KV blocks in all; the sum over the states of baton_kv_blocks.",
    unit: "",
    labels: [],
    roles: WORKERS,
  },
  baton_prefix_cache_hit_tokens_total: {
    type: "counter",
    help: "Prompt tokens found in the worker's prefix cache when their prefill was planned.",
    unit: "tokens",
    labels: [],
    roles: WORKERS,
  },
  baton_prefix_cache_miss_tokens_total: {
    type: "counter",
    help: "Prompt tokens not found there, to be computed.",
    unit: "tokens",
    labels: [],
    roles: WORKERS,
  },
  baton_engine_step_seconds: {
    type: "histogram",
    help: "One step of the engine, from its plan to its outcome.",
    unit: "seconds",
    labels: [],
    roles: WORKERS,
    buckets: STEP_SECONDS,
  },
  baton_engine_batch_sequences: {
    type: "histogram",
    help: "Sequences in one step: prefill chunks, and decoding ones.",
    unit: "",
    labels: ["kind"],
    roles: WORKERS,
    buckets: BATCH_SEQUENCES,
  },
  baton_bootstrap_wait_seconds: {
    type: "histogram",
    help: "Until the two sides of a hand-over have met.",
    unit: "seconds",
    labels: [],
    roles: PAIRED,
    buckets: STAGE_SECONDS,
  },
  baton_kv_transfer_seconds: {
    type: "histogram",
    help: "From the first KV byte of a hand-over to its acknowledgement.",
    unit: "seconds",
    labels: [],
    roles: PAIRED,
    buckets: STAGE_SECONDS,
  },
  baton_kv_transfer_bytes_total: {
    type: "counter",
    help: "KV bytes of completed hand-overs.",
    unit: "bytes",
    labels: [],
    roles: PAIRED,
  },
  baton_kv_transfer_bytes_per_second: {
    type: "histogram",
    help: "Speed of a hand-over; chunks that are still being computed slow it down.",
    unit: "bytes_per_second",
    labels: [],
    roles: PAIRED,
    buckets: BYTES_PER_SECOND,
  },
  baton_kv_rooms: {
    type: "gauge",
    help: "Rooms of hand-overs in progress: bootstrapping, waiting_for_input, transferring.",
    unit: "",
    labels: ["state"],
    roles: PAIRED,
  },
  baton_kv_connections: {
    type: "gauge",
    help: "Open KV connections.",
    unit: "",
    labels: [],
    roles: PAIRED,
  },
  baton_feed_followers: {
    type: "gauge",
    help: "Routers that follow this worker's prefix cache and load.",
    unit: "",
    labels: [],
    roles: WORKERS,
  },
  baton_feed_overflows_total: {
    type: "counter",
    help: "Times that a router read this worker's feed so slowly that it was sent a snapshot instead of events.",
    unit: "",
    labels: [],
    roles: WORKERS,
  },
  baton_router_workers: {
    type: "gauge",
    help: "Registered workers: starting, serving, draining.",
    unit: "",
    labels: ["worker_role", "state"],
    roles: ROUTER,
  },
  baton_router_decisions_total: {
    type: "counter",
    help: "Routing decisions, and why: mode, long_prompt, short_prompt, prefill_overloaded, decode_busy, aggregated, no_worker.",
    unit: "",
    labels: ["mode", "why"],
    roles: ROUTER,
  },
  baton_router_retries_total: {
    type: "counter",
    help: "Requests without a token yet that were tried again on other workers, by what failed the last ones.",
    unit: "",
    labels: ["reason"],
    roles: ROUTER,
  },
  baton_router_migrations_total: {
    type: "counter",
    help: "Answers that had begun and went on with other workers, by what took the last ones.",
    unit: "",
    labels: ["reason"],
    roles: ROUTER,
  },
  baton_router_refusals_total: {
    type: "counter",
    help: "Requests that were not admitted: kv_use, waiting_tokens, queue_full, displaced.",
    unit: "",
    labels: ["why"],
    roles: ROUTER,
  },
  baton_router_circuits: {
    type: "gauge",
    help: "State of each worker's circuit: closed, open, half_open.",
    unit: "",
    labels: ["worker", "worker_role", "state"],
    roles: ROUTER,
  },
  baton_router_worker_requests: {
    type: "gauge",
    help: "Legs that this router has running on a worker.",
    unit: "",
    labels: ["worker", "worker_role"],
    roles: ROUTER,
  },
  baton_router_worker_prefill_tokens: {
    type: "gauge",
    help: "Prompt tokens that this router has sent to a worker and that are still to be computed there.",
    unit: "tokens",
    labels: ["worker", "worker_role"],
    roles: ROUTER,
  },
  baton_router_worker_decode_blocks: {
    type: "gauge",
    help: "KV blocks of the sequences that this router has decoding on a worker.",
    unit: "",
    labels: ["worker", "worker_role"],
    roles: ROUTER,
  },
  baton_router_worker_cached_blocks: {
    type: "gauge",
    help: "Blocks that a worker says its prefix cache can find.",
    unit: "",
    labels: ["worker", "worker_role"],
    roles: ROUTER,
  },
  baton_router_cache_hit_blocks_total: {
    type: "counter",
    help: "Prompt blocks that the router took to be in the cache of the worker that it chose to compute the prompt.",
    unit: "",
    labels: ["worker_role"],
    roles: ROUTER,
  },
  baton_router_cache_miss_blocks_total: {
    type: "counter",
    help: "Prompt blocks that it took not to be there; the last block of a prompt may be partly filled.",
    unit: "",
    labels: ["worker_role"],
    roles: ROUTER,
  },
  baton_router_kv_index_blocks: {
    type: "gauge",
    help: "Distinct blocks in the index of all workers' caches, with what is left of workers that have gone.",
    unit: "",
    labels: [],
    roles: ROUTER,
  },
  baton_router_kv_index_bytes: {
    type: "gauge",
    help: "Memory of the index of all workers' caches.",
    unit: "bytes",
    labels: [],
    roles: ROUTER,
  },
  baton_router_feeds: {
    type: "gauge",
    help: "Feeds of workers: following, or connecting (also after a loss).",
    unit: "",
    labels: ["state"],
    roles: ROUTER,
  },
  baton_router_feed_events_total: {
    type: "counter",
    help: "Events of workers' caches: stored, removed, cleared.",
    unit: "",
    labels: ["kind"],
    roles: ROUTER,
  },
  baton_router_feed_snapshots_total: {
    type: "counter",
    help: "Snapshots of workers' caches: first, reconnected (the feed was lost), gap (events were missing), overflow (this router read too slowly).",
    unit: "",
    labels: ["kind"],
    roles: ROUTER,
  },
  baton_router_feed_wait_seconds: {
    type: "histogram",
    help: "How long changes of a worker's cache waited there before they were sent to this router.",
    unit: "seconds",
    labels: [],
    roles: ROUTER,
    buckets: STEP_SECONDS,
  },
  gen_ai_server_request_duration_seconds: {
    type: "histogram",
    help: "OpenTelemetry gen_ai.server.request.duration.",
    unit: "seconds",
    labels: [...GEN_AI_LABELS, "error_type"],
    roles: ROUTER,
    buckets: GEN_AI_REQUEST_SECONDS,
  },
  gen_ai_server_time_to_first_token_seconds: {
    type: "histogram",
    help: "OpenTelemetry gen_ai.server.time_to_first_token, of requests that succeeded.",
    unit: "seconds",
    labels: GEN_AI_LABELS,
    roles: ROUTER,
    buckets: GEN_AI_FIRST_TOKEN_SECONDS,
  },
  gen_ai_server_time_per_output_token_seconds: {
    type: "histogram",
    help: "OpenTelemetry gen_ai.server.time_per_output_token: mean over an answer's tokens after the first, of requests that succeeded.",
    unit: "seconds",
    labels: GEN_AI_LABELS,
    roles: ROUTER,
    buckets: GEN_AI_OUTPUT_TOKEN_SECONDS,
  },
  baton_trace_spans_dropped_total: {
    type: "counter",
    help: "Spans that ended and were never delivered: the queue was full, or the collector did not take them.",
    unit: "",
    labels: [],
    roles: ALL,
  },
  baton_trace_store_traces: {
    type: "gauge",
    help: "Traces that the router keeps.",
    unit: "",
    labels: [],
    roles: ROUTER,
  },
  baton_trace_store_evicted_total: {
    type: "counter",
    help: "Traces that had to make room for newer ones.",
    unit: "",
    labels: [],
    roles: ROUTER,
  },
  baton_trace_store_refused_spans_total: {
    type: "counter",
    help: "Spans that the router did not keep, as their trace would have had too many.",
    unit: "",
    labels: [],
    roles: ROUTER,
  },
  baton_trace_spans_open: {
    type: "gauge",
    help: "Stages started and not yet ended.",
    unit: "",
    labels: [],
    roles: ALL,
  },
  baton_trace_defects_total: {
    type: "counter",
    help: "Defects of tracing code: unclosed stages, double ends, late starts.",
    unit: "",
    labels: ["kind"],
    roles: ALL,
  },
  baton_metrics_rejected_total: {
    type: "counter",
    help: "Values that could not be recorded or read: not a number, negative, or their source failed.",
    unit: "",
    labels: [],
    roles: ALL,
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;

/** Names of the metrics of one type. */
export type NameOf<Type extends MetricDefinition["type"]> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[MetricName];

/** The labels that a metric wants. */
export type LabelsOf<Name extends MetricName> = Readonly<
  Record<(typeof METRICS)[Name]["labels"][number], string>
>;

/** The definition of a metric, without what only the compiler needs. */
export function definitionOf(name: MetricName): MetricDefinition {
  return METRICS[name];
}
