/**
 * The last traces of a cluster, in bounded memory: encoded, as they came. Who asks for one decodes it.
 *
 *   M1  There are never more traces than `maxTraces`, nor more bytes than `maxBytes`: the trace that was first seen
 *       longest ago goes first, as a whole.
 *   M2  A trace takes at most `maxSpansPerTrace` spans; a part with which it would have more is refused.
 *   M3  Whatever went or was refused is counted.
 *   M4  Only requests are kept: a span that continues nothing and is no request's root is left out, so that traces of
 *       engine steps, thousands in a minute, do not drive them out.
 */
import { rootOf, splitExport, type TracePart } from "./split-export.ts";

export interface TraceStoreLimits {
  readonly maxTraces: number;
  /** 10,000 unless told otherwise. */
  readonly maxSpansPerTrace?: number;
  /** Of all traces; 64 MiB unless told otherwise. */
  readonly maxBytes?: number;
}

/** What the store holds, and what it let go since its start. */
export interface TraceStoreCounts {
  readonly traces: number;
  readonly spans: number;
  readonly bytes: number;
  readonly evictedTraces: number;
  readonly refusedSpans: number;
}

/** A request whose root has arrived. */
export interface StoredRequest {
  readonly traceId: string;
  readonly requestId: string;
  /** Spans of the whole trace. */
  readonly spans: number;
  /** Its root, as an encoded export request. */
  readonly root: Uint8Array;
}

interface Trace {
  readonly id: string;
  readonly parts: TracePart[];
  spans: number;
  bytes: number;
}

/** What a part takes beside its bytes, roughly. */
const PART_OVERHEAD = 512;

export class TraceStore {
  readonly #limits: Required<TraceStoreLimits>;
  /** In the order in which they were first seen. */
  readonly #traces = new Map<string, Trace>();
  /** By request id; the latest where an id was used twice. In the order in which roots arrived. */
  readonly #requests = new Map<string, { readonly trace: Trace; readonly part: TracePart }>();
  #spans = 0;
  #bytes = 0;
  #evictedTraces = 0;
  #refusedSpans = 0;

  constructor(limits: TraceStoreLimits) {
    this.#limits = { maxSpansPerTrace: 10_000, maxBytes: 64 * 2 ** 20, ...limits };
  }

  /**
   * Takes an encoded export request: spans of any traces, in any order.
   * @throws Error where it is none
   */
  add(request: Uint8Array): void {
    for (const part of splitExport(request)) this.#addPart(part);
    while (this.#traces.size > this.#limits.maxTraces || this.#bytes > this.#limits.maxBytes) this.#evict();
  }

  /** The requests that ended last, latest first. */
  list(limit: number): StoredRequest[] {
    return [...this.#requests]
      .slice(-limit)
      .reverse()
      .map(([requestId, { trace, part }]) => ({
        traceId: trace.id,
        requestId,
        spans: trace.spans,
        root: rootOf(part, requestId),
      }));
  }

  /** A trace by its id or that of a request in it, as an encoded export request. Undefined for one that is not here. */
  find(id: string): Uint8Array | undefined {
    const trace = this.#traces.get(id.toLowerCase()) ?? this.#requests.get(id)?.trace;
    return trace && Buffer.concat(trace.parts.map(({ request }) => request));
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

  #addPart(part: TracePart): void {
    const trace = this.#traces.get(part.traceId) ?? { id: part.traceId, parts: [], spans: 0, bytes: 0 };
    if (trace.spans + part.spans > this.#limits.maxSpansPerTrace) {
      this.#refusedSpans += part.spans;
      return;
    }
    const bytes = sizeOf(part);
    trace.parts.push(part);
    trace.spans += part.spans;
    trace.bytes += bytes;
    this.#spans += part.spans;
    this.#bytes += bytes;
    this.#traces.set(trace.id, trace);
    for (const requestId of part.roots) {
      this.#requests.delete(requestId); // The latest is last.
      this.#requests.set(requestId, { trace, part });
    }
  }

  #evict(): void {
    const [oldest] = this.#traces.values();
    if (!oldest) return;
    this.#traces.delete(oldest.id);
    for (const requestId of oldest.parts.flatMap(({ roots }) => roots)) {
      if (this.#requests.get(requestId)?.trace === oldest) this.#requests.delete(requestId);
    }
    this.#spans -= oldest.spans;
    this.#bytes -= oldest.bytes;
    this.#evictedTraces += 1;
  }
}

function sizeOf({ request, roots }: TracePart): number {
  return request.length + PART_OVERHEAD * (1 + roots.length);
}
