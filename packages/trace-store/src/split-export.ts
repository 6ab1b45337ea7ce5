/** Sorts an encoded export request by trace, without decoding its spans. */
import { rootName } from "@baton/tracing";
import { messageField, WireFields } from "./wire-fields.ts";

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

const ROOT_PREFIX = rootName("");

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
    const { resource, spans } = readResourceSpans(resourceSpans);
    const byTrace = Map.groupBy(spans, ({ traceId }) => traceId);
    return [...byTrace].map(([traceId, members]) => ({
      traceId,
      spans: members.length,
      request: requestOf(resource, members),
      roots: members
        .filter(isRoot)
        .map((span) => ({ requestId: requestIdOf(span), request: requestOf(resource, [span]) })),
    }));
  });
}

function valuesOf(message: Uint8Array, number: number): Uint8Array[] {
  const values: Uint8Array[] = [];
  const fields = new WireFields(message);
  while (fields.next()) if (fields.number === number) values.push(fields.value);
  return values;
}

function readResourceSpans(message: Uint8Array) {
  const resource: Uint8Array[] = [];
  const spans: WireSpan[] = [];
  const fields = new WireFields(message);
  while (fields.next()) {
    if (fields.number === RESOURCE_SPANS.resource) resource.push(fields.whole);
    if (fields.number === RESOURCE_SPANS.scopeSpans) readScopeSpans(fields.value, spans);
  }
  return { resource, spans };
}

/** Adds those that are a request's. */
function readScopeSpans(message: Uint8Array, spans: WireSpan[]): void {
  const fields = new WireFields(message);
  while (fields.next()) {
    if (fields.number !== SCOPE_SPANS.spans) continue;
    const span = readSpan(fields.whole, fields.value);
    if (isOfRequest(span)) spans.push(span);
  }
}

/** Reads no further than it must: senders write the fields in order, and those that matter come first. */
function readSpan(field: Uint8Array, span: Uint8Array): WireSpan {
  const read = { traceId: "", name: "", hasParent: false, field };
  const fields = new WireFields(span);
  while (fields.next()) {
    if (fields.number === SPAN.traceId) read.traceId = bufferOf(fields.value).toString("hex");
    else if (fields.number === SPAN.parentSpanId) read.hasParent = fields.length > 0;
    else if (fields.number === SPAN.name) read.name = bufferOf(fields.value).toString("utf8");
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
  return name.startsWith(ROOT_PREFIX);
}

function requestIdOf({ name }: WireSpan): string {
  return name.slice(ROOT_PREFIX.length);
}

function requestOf(resource: readonly Uint8Array[], spans: readonly WireSpan[]): Uint8Array {
  const scopeSpans = messageField(
    RESOURCE_SPANS.scopeSpans,
    spans.map(({ field }) => field),
  );
  return messageField(REQUEST.resourceSpans, [...resource, scopeSpans]);
}
