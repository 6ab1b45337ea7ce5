/** Exported spans ↔ OTLP. Reading takes both JSON and decoded protobuf; writing makes JSON, as collectors do. */
import type { ExportedEvent, ExportedLink, ExportedSpan } from "./exported-span.ts";
import type { OtlpAttribute, OtlpExport, OtlpId, OtlpInteger, OtlpSpan, OtlpValue } from "./otlp-message.ts";

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
const STATUS_CODES = ["unset", "ok", "error"] as const;

/** All spans of a message, in its order. @throws Error for a number that is none */
export function spansFromOtlp({ resourceSpans = [] }: OtlpExport): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const process = readAttributes(resource?.attributes);
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => readSpan(span, process)));
  });
}

/** The message as `JSON.stringify` is to write it: one entry per process, spans in their order. */
export function spansToOtlp(spans: readonly ExportedSpan[]): OtlpExport {
  const byProcess = Map.groupBy(spans, ({ resource }) => JSON.stringify(resource));
  return {
    resourceSpans: [...byProcess.values()].map((part) => ({
      resource: { attributes: writeAttributes(part[0]!.resource) },
      scopeSpans: [{ scope: { name: "baton" }, spans: part.map(writeSpan) }],
    })),
  };
}

function readSpan(span: OtlpSpan, resource: ExportedSpan["resource"]): ExportedSpan {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId) || undefined,
    name: span.name ?? "",
    kind: memberOf(KINDS, span.kind, "SPAN_KIND_"),
    startNs: BigInt(span.startTimeUnixNano ?? 0),
    endNs: BigInt(span.endTimeUnixNano ?? 0),
    status: {
      code: memberOf(STATUS_CODES, span.status?.code, "STATUS_CODE_"),
      message: span.status?.message ?? "",
    },
    attributes: readAttributes(span.attributes),
    resource,
    flags: span.flags ?? 0,
    traceState: span.traceState ?? "",
    links: (span.links ?? []).map((link) => ({
      traceId: hex(link.traceId),
      spanId: hex(link.spanId),
      attributes: readAttributes(link.attributes),
    })),
    events: (span.events ?? []).map((event) => ({
      name: event.name ?? "",
      timeNs: BigInt(event.timeUnixNano ?? 0),
      attributes: readAttributes(event.attributes),
    })),
  };
}

function hex(id: OtlpId | undefined): string {
  if (id === undefined) return "";
  return typeof id === "string" ? id.toLowerCase() : Buffer.from(id).toString("hex");
}

/** The member that a number or a name such as `SPAN_KIND_SERVER` stands for; the first for anything else. */
function memberOf<T extends string>(
  members: readonly [T, ...T[]],
  value: number | string | undefined,
  prefix: string,
): T {
  if (typeof value === "number") return members[value] ?? members[0];
  return members.find((member) => prefix + member.toUpperCase() === value) ?? members[0];
}

function readAttributes(pairs: readonly OtlpAttribute[] = []): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key = "", value }) => [key, value ? readValue(value) : undefined]));
}

function readValue(value: OtlpValue): unknown {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return integer(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(readValue);
  if (value.kvlistValue) return readAttributes(value.kvlistValue.values);
  if (value.bytesValue === undefined || typeof value.bytesValue === "string") return value.bytesValue;
  return Buffer.from(value.bytesValue).toString("base64");
}

/** A number; what a number cannot hold exactly stays a text. */
function integer(value: OtlpInteger): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function writeSpan(span: ExportedSpan): OtlpSpan {
  const { code, message } = span.status;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.traceState !== "" && { traceState: span.traceState }),
    ...(span.parentSpanId !== undefined && { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: KINDS.indexOf(span.kind),
    startTimeUnixNano: String(span.startNs),
    endTimeUnixNano: String(span.endNs),
    attributes: writeAttributes(span.attributes),
    events: span.events.map(writeEvent),
    links: span.links.map(writeLink),
    status: { code: STATUS_CODES.indexOf(code), ...(message !== "" && { message }) },
    flags: span.flags,
  };
}

function writeEvent({ name, timeNs, attributes }: ExportedEvent) {
  return { timeUnixNano: String(timeNs), name, attributes: writeAttributes(attributes) };
}

function writeLink({ traceId, spanId, attributes }: ExportedLink) {
  return { traceId, spanId, attributes: writeAttributes(attributes) };
}

function writeAttributes(attributes: Readonly<Record<string, unknown>>): OtlpAttribute[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: writeValue(value) }));
}

function writeValue(value: unknown): OtlpValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (Number.isSafeInteger(value)) return { intValue: String(value) };
  if (typeof value === "number") return { doubleValue: Number.isFinite(value) ? value : String(value) };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(writeValue) } };
  if (typeof value !== "object" || value === null) return {};
  return { kvlistValue: { values: writeAttributes(value as Record<string, unknown>) } };
}
