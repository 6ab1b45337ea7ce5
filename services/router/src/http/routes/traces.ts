/** `GET /traces` and `GET /traces/{id}`: the last traces of the cluster, for people without a collector. */
import { BatonError } from "@baton/core";
import type { TraceStore, TraceSummary } from "@baton/trace-store";
import { spansToOtlp } from "@baton/tracing";
import type { FastifyInstance } from "fastify";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;

/** @param store undefined where the router keeps no traces */
export function addTraces(app: FastifyInstance, store: TraceStore | undefined): void {
  app.get<{ Querystring: { limit?: string } }>("/traces", (request) => {
    const present = kept(store);
    return {
      object: "list",
      data: present.list(limitOf(request.query.limit)).map(listed),
      store: countsOf(present),
    };
  });
  /** By the id of the trace or of its request, as OTLP/JSON. */
  app.get<{ Params: { id: string } }>("/traces/:id", (request) => {
    const { id } = request.params;
    const spans = kept(store).find(id);
    if (!spans) throw unknownTrace(id);
    return spansToOtlp(spans);
  });
}

function kept(store: TraceStore | undefined): TraceStore {
  if (store) return store;
  throw new BatonError(
    "not_found",
    'Cannot show traces: this router keeps none, expected it to run without "--trace-store off"',
  );
}

function listed({ traceId, requestId, startMs, durationMs, ...rest }: TraceSummary) {
  const start = new Date(startMs).toISOString();
  return { id: traceId, request_id: requestId, start, duration_ms: durationMs, ...rest };
}

function countsOf(store: TraceStore) {
  const { traces, spans, bytes, evictedTraces, refusedSpans } = store.counts();
  return { traces, spans, bytes, evicted_traces: evictedTraces, refused_spans: refusedSpans };
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new BatonError(
    "invalid_argument",
    `Cannot use "limit": it is "${text}", expected a whole number from 1 to ${MAX_LIMIT}`,
    { param: "limit" },
  );
}

function unknownTrace(id: string): BatonError {
  return new BatonError(
    "not_found",
    `Cannot find the trace "${id}": it is not complete yet, was evicted by later ones, or was never recorded (trace level 0, not sampled)`,
  );
}
