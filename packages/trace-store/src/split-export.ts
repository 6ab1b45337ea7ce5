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
  /** Ids of the requests whose roots are among the spans. */
  readonly roots: readonly string[];
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

/** What one process says, of whatever traces. */
interface ProcessSpans {
  /** As fields of ResourceSpans. */
  readonly resource: readonly Uint8Array[];
  readonly spans: readonly WireSpan[];
}

/**
 * The parts of an export request, each in memory of its own. A span that continues nothing and is no request's root is
 * left out.
 * @throws Error where the bytes are no export request
 */
export function splitExport(request: Uint8Array): TracePart[] {
  const processes = valuesOf(request, REQUEST.resourceSpans).map(readResourceSpans);
  const [only] = processes;
  if (only && processes.length === 1 && isOnePart(only)) return [partOf(only.spans, owned(request))];
  return processes.flatMap(({ resource, spans }) => {
    const byTrace = Map.groupBy(spans.filter(isOfRequest), ({ traceId }) => traceId);
    return [...byTrace.values()].map((members) => partOf(members, requestOf(resource, members)));
  });
}

/** The root of a request among those of a part, as an export request of its own. */
export function rootOf({ request }: TracePart, requestId: string): Uint8Array {
  const [root] = valuesOf(request, REQUEST.resourceSpans)
    .map(readResourceSpans)
    .flatMap(({ resource, spans }) =>
      spans
        .filter((span) => isRoot(span) && requestIdOf(span) === requestId)
        .map((span) => requestOf(resource, [span])),
    );
  return root ?? new Uint8Array();
}

/** Everything is of one trace: what a process says of its own requests comes so. */
function isOnePart({ spans }: ProcessSpans): boolean {
  return spans.length > 0 && spans.every((span) => span.traceId === spans[0]!.traceId && isOfRequest(span));
}

function partOf(spans: readonly WireSpan[], request: Uint8Array): TracePart {
  const roots = spans.filter(isRoot).map(requestIdOf);
  return { traceId: spans[0]!.traceId, spans: spans.length, request, roots };
}

/** The same bytes, in memory that nothing else keeps. */
function owned(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}

function valuesOf(message: Uint8Array, number: number): Uint8Array[] {
  const values: Uint8Array[] = [];
  const fields = new WireFields(message);
  while (fields.next()) if (fields.number === number) values.push(fields.value);
  return values;
}

function readResourceSpans(message: Uint8Array): ProcessSpans {
  const resource: Uint8Array[] = [];
  const spans: WireSpan[] = [];
  const fields = new WireFields(message);
  while (fields.next()) {
    if (fields.number === RESOURCE_SPANS.resource) resource.push(fields.whole);
    if (fields.number === RESOURCE_SPANS.scopeSpans) readScopeSpans(fields.value, spans);
  }
  return { resource, spans };
}

function readScopeSpans(message: Uint8Array, spans: WireSpan[]): void {
  const fields = new WireFields(message);
  while (fields.next()) {
    if (fields.number === SCOPE_SPANS.spans) spans.push(readSpan(fields.whole, fields.value));
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
