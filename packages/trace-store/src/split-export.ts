/** Sorts an encoded export request by trace, without decoding its spans. */
import { rootName } from "@baton/tracing";
import { fieldsOf, messageField } from "./wire-fields.ts";

/** What one process says of one trace. */
export interface TracePart {
  /** 32 hex digits, as far as the sender keeps to that. */
  readonly traceId: string;
  readonly spans: number;
  /** An export request of its own: such requests can be put after one another, and are one. */
  readonly request: Uint8Array;
  /** The requests whose roots are among the spans. */
  readonly roots: readonly TraceRoot[];
}

export interface TraceRoot {
  readonly requestId: string;
  /** An export request of the root alone. */
  readonly request: Uint8Array;
}

/** Field numbers of opentelemetry-proto. */
const REQUEST = { resourceSpans: 1 };
const RESOURCE_SPANS = { resource: 1, scopeSpans: 2 };
const SCOPE_SPANS = { spans: 2 };
const SPAN = { traceId: 1, parentSpanId: 4, name: 5 };

interface WireSpan {
  readonly traceId: string;
  readonly name: string;
  readonly hasParent: boolean;
  /** As a field of ScopeSpans. */
  readonly field: Uint8Array;
}

/**
 * The parts of an export request, each in memory of its own. A span that continues nothing and is no request's root is
 * left out.
 * @throws Error where the bytes are no export request
 */
export function splitExport(request: Uint8Array): TracePart[] {
  return valuesOf(request, REQUEST.resourceSpans).flatMap((resourceSpans) => {
    const resource = [...fieldsOf(resourceSpans)].filter(({ number }) => number === RESOURCE_SPANS.resource);
    const wrap = (spans: readonly WireSpan[]) =>
      requestOf(
        resource.map(({ whole }) => whole),
        spans,
      );
    const byTrace = Map.groupBy(spansOf(resourceSpans).filter(isOfRequest), ({ traceId }) => traceId);
    return [...byTrace].map(([traceId, spans]) => ({
      traceId,
      spans: spans.length,
      request: wrap(spans),
      roots: spans.filter(isRoot).map((span) => ({ requestId: requestIdOf(span), request: wrap([span]) })),
    }));
  });
}

function valuesOf(message: Uint8Array, field: number): Uint8Array[] {
  return [...fieldsOf(message)].filter(({ number }) => number === field).map(({ value }) => value);
}

function spansOf(resourceSpans: Uint8Array): WireSpan[] {
  return valuesOf(resourceSpans, RESOURCE_SPANS.scopeSpans).flatMap((scopeSpans) =>
    [...fieldsOf(scopeSpans)]
      .filter(({ number }) => number === SCOPE_SPANS.spans)
      .map(({ whole, value }) => readSpan(whole, value)),
  );
}

/** Reads no further than it must: senders write the fields in order, and those that matter come first. */
function readSpan(field: Uint8Array, span: Uint8Array): WireSpan {
  const read = { traceId: "", name: "", hasParent: false, field };
  for (const { number, value } of fieldsOf(span)) {
    if (number === SPAN.traceId) read.traceId = bufferOf(value).toString("hex");
    else if (number === SPAN.parentSpanId) read.hasParent = value.length > 0;
    else if (number === SPAN.name) read.name = bufferOf(value).toString("utf8");
    if (read.traceId !== "" && read.name !== "" && isOfRequest(read)) break;
  }
  return read;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isOfRequest(span: WireSpan): boolean {
  return span.hasParent || isRoot(span);
}

function isRoot({ name }: WireSpan): boolean {
  return name.startsWith(rootName(""));
}

function requestIdOf({ name }: WireSpan): string {
  return name.slice(rootName("").length);
}

function requestOf(resource: readonly Uint8Array[], spans: readonly WireSpan[]): Uint8Array {
  const scopeSpans = messageField(
    RESOURCE_SPANS.scopeSpans,
    spans.map(({ field }) => field),
  );
  return messageField(REQUEST.resourceSpans, [...resource, scopeSpans]);
}
