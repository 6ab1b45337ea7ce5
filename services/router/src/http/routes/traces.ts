/** `GET /traces` and `GET /traces/{id}`: the last traces of the cluster, for people without a collector. */
import { BatonError } from "@baton/core";
import { decodeExport } from "@baton/rpc";
import { type StoredRequest, splitRequests, type TraceStore } from "@baton/trace-store";
import { ATTR, type ExportedSpan, rootName, spansToOtlp } from "@baton/tracing";
import type { FastifyInstance } from "fastify";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1000;

/** @param store undefined where the router keeps no traces */
export function addTraces(app: FastifyInstance, store: TraceStore | undefined): void {
  app.get<{ Querystring: { limit?: string } }>("/traces", { config: { admin: true } }, (request) => {
    const present = kept(store);
    return {
      object: "list",
      data: present.list(limitOf(request.query.limit)).flatMap(listed),
      store: countsOf(present),
    };
  });
  /** By the id of the trace or of its request, as OTLP/JSON. */
  app.get<{ Params: { id: string } }>("/traces/:id", { config: { admin: true } }, (request) => {
    const { id } = request.params;
    const found = kept(store).find(id);
    if (!found) throw unknownTrace(id);
    return spansToOtlp(spansOf(id, decodeExport(found)));
  });
}

function kept(store: TraceStore | undefined): TraceStore {
  if (store) return store;
  throw new BatonError(
    "not_found",
    'Cannot show traces: this router keeps none, expected it to run without "--trace-store off"',
  );
}

/** A root that cannot be decoded, whoever sent it, does not hide the others. */
function listed({ traceId, requestId, spans, root }: StoredRequest) {
  const decoded = decodedRoot(root);
  if (!decoded) return [];
  const { startNs, endNs, attributes } = decoded;
  return [
    {
      id: traceId,
      request_id: requestId,
      start: new Date(Number(startNs / 1_000_000n)).toISOString(),
      duration_ms: Number(endNs - startNs) / 1e6,
      outcome: attributes[ATTR.errorType] ?? "success",
      spans,
    },
  ];
}

function decodedRoot(request: Uint8Array): ExportedSpan | undefined {
  try {
    return decodeExport(request)[0];
  } catch {
    return undefined;
  }
}

/** Where a client put several requests into one trace, and asks for one of them, only that one. */
function spansOf(id: string, trace: readonly ExportedSpan[]): readonly ExportedSpan[] {
  const requests = splitRequests(trace);
  const isAsked = ({ name }: ExportedSpan) => name === rootName(id);
  const asked = requests.length > 1 ? requests.find(({ spans }) => spans.some(isAsked)) : undefined;
  return asked?.spans ?? trace;
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
