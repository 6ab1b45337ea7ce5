/**
 * The last traces of a cluster, in bounded memory.
 *
 *   M1  There are never more traces than `maxTraces`, nor more bytes than `maxBytes`: the trace that was first seen
 *       longest ago goes first, as a whole.
 *   M2  A trace takes at most `maxSpansPerTrace` spans; more of it are refused.
 *   M3  Whatever went or was refused is counted.
 *   M4  Only requests are kept: a span that continues nothing and is no request's root is left out, so that traces of
 *       engine steps, thousands in a minute, do not drive them out.
 */
import { ATTR, type ExportedSpan, rootName } from "@baton/tracing";
import { isComplete } from "./completeness.ts";
import { sizeOf } from "./span-size.ts";

export interface TraceStoreLimits {
  readonly maxTraces: number;
  /** 10,000 unless told otherwise. */
  readonly maxSpansPerTrace?: number;
  /** Of all traces, as estimated; 64 MiB unless told otherwise. */
  readonly maxBytes?: number;
}

/** What the store holds, and what it let go since its start. */
export interface TraceStoreCounts {
  readonly traces: number;
  readonly spans: number;
  /** Estimated. */
  readonly bytes: number;
  readonly evictedTraces: number;
  readonly refusedSpans: number;
}

/** One request whose root has arrived. */
export interface TraceSummary {
  readonly traceId: string;
  readonly requestId: string;
  /** Epoch ms. */
  readonly startMs: number;
  readonly durationMs: number;
  /** "success", or the error code. */
  readonly outcome: string;
  /** Spans of the whole trace. */
  readonly spans: number;
  /** False while parts of it have not arrived. */
  readonly complete: boolean;
}

interface Trace {
  readonly id: string;
  readonly spans: ExportedSpan[];
  /** Roots by request id: a client may put several requests into one trace. */
  readonly roots: Map<string, ExportedSpan>;
  bytes: number;
}

export class TraceStore {
  readonly #limits: Required<TraceStoreLimits>;
  /** In the order in which they were first seen. */
  readonly #traces = new Map<string, Trace>();
  /** The trace of each request; the latest where an id was used twice. In the order in which roots arrived. */
  readonly #byRequest = new Map<string, Trace>();
  #spans = 0;
  #bytes = 0;
  #evictedTraces = 0;
  #refusedSpans = 0;

  constructor(limits: TraceStoreLimits) {
    this.#limits = { maxSpansPerTrace: 10_000, maxBytes: 64 * 2 ** 20, ...limits };
  }

  /** Takes spans of any traces, in any order. */
  add(spans: readonly ExportedSpan[]): void {
    for (const span of spans) if (isOfRequest(span)) this.#addSpan(span);
    while (this.#traces.size > this.#limits.maxTraces || this.#bytes > this.#limits.maxBytes) this.#evict();
  }

  /** The requests that ended last, latest first. */
  list(limit: number): TraceSummary[] {
    return [...this.#byRequest]
      .slice(-limit)
      .reverse()
      .map(([requestId, trace]) => summaryOf(requestId, trace));
  }

  /** The spans of a trace, or those of a request: by either's id. Undefined for one that is not here. */
  find(id: string): readonly ExportedSpan[] | undefined {
    const trace = this.#traces.get(id.toLowerCase());
    if (trace) return trace.spans;
    const ofRequest = this.#byRequest.get(id);
    return ofRequest && spansOfRequest(id, ofRequest);
  }

  counts(): TraceStoreCounts {
    return {
      traces: this.#traces.size,
      spans: this.#spans,
      bytes: this.#bytes,
      evictedTraces: this.#evictedTraces,
      refusedSpans: this.#refusedSpans,
    };
  }

  #addSpan(span: ExportedSpan): void {
    const trace = this.#traceOf(span.traceId);
    if (trace.spans.length >= this.#limits.maxSpansPerTrace) {
      this.#refusedSpans += 1;
      return;
    }
    const bytes = sizeOf(span);
    trace.spans.push(span);
    trace.bytes += bytes;
    this.#spans += 1;
    this.#bytes += bytes;
    const requestId = requestIdOf(span);
    if (requestId === undefined) return;
    trace.roots.set(requestId, span);
    this.#byRequest.delete(requestId); // The latest is last.
    this.#byRequest.set(requestId, trace);
  }

  #traceOf(id: string): Trace {
    const known = this.#traces.get(id);
    if (known) return known;
    const trace: Trace = { id, spans: [], roots: new Map(), bytes: 0 };
    this.#traces.set(id, trace);
    return trace;
  }

  #evict(): void {
    const [oldest] = this.#traces.values();
    if (!oldest) return;
    this.#traces.delete(oldest.id);
    for (const requestId of oldest.roots.keys()) {
      if (this.#byRequest.get(requestId) === oldest) this.#byRequest.delete(requestId);
    }
    this.#spans -= oldest.spans.length;
    this.#bytes -= oldest.bytes;
    this.#evictedTraces += 1;
  }
}

function isOfRequest(span: ExportedSpan): boolean {
  return span.parentSpanId !== undefined || requestIdOf(span) !== undefined;
}

/** The request that a span is the root of. */
function requestIdOf({ name, attributes }: ExportedSpan): string | undefined {
  const id = attributes[ATTR.requestId];
  return typeof id === "string" && name === rootName(id) ? id : undefined;
}

function summaryOf(requestId: string, trace: Trace): TraceSummary {
  const root = trace.roots.get(requestId)!;
  return {
    traceId: trace.id,
    requestId,
    startMs: Number(root.startNs) / 1e6,
    durationMs: Number(root.endNs - root.startNs) / 1e6,
    outcome: String(root.attributes[ATTR.errorType] ?? "success"),
    spans: trace.spans.length,
    complete: isComplete(spansOfRequest(requestId, trace)),
  };
}

/** Where a trace has other requests too, only what is below this one's root. */
function spansOfRequest(requestId: string, { spans, roots }: Trace): readonly ExportedSpan[] {
  if (roots.size < 2) return spans;
  const children = Map.groupBy(spans, ({ parentSpanId }) => parentSpanId);
  const found = new Set([roots.get(requestId)!]);
  // A set is iterated to its end, what is added meanwhile included; and a circle of parents adds nothing.
  for (const { spanId } of found) for (const child of children.get(spanId) ?? []) found.add(child);
  return [...found];
}
