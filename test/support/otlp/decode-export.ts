/** Turns an OTLP export request into plain spans. The message types follow trace-service.proto, as proto-loader decodes it. */
import type { ExportedSpan } from "@baton/tracing";

/** An export request, decoded with `longs: String`, `enums: String`, `defaults`, `arrays` and `oneofs`. */
export interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] } | null;
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

interface OtlpSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly traceState: string;
  readonly parentSpanId: Buffer;
  readonly name: string;
  readonly kind: ExportedSpan["kind"];
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: readonly KeyValue[];
  }[];
  readonly links: readonly {
    readonly traceId: Buffer;
    readonly spanId: Buffer;
    readonly attributes: readonly KeyValue[];
  }[];
  readonly status: ExportedSpan["status"] | null;
  readonly flags: number;
}

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue | null;
}

interface AnyValue {
  readonly value?: "stringValue" | "boolValue" | "intValue" | "doubleValue" | "arrayValue";
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
}

/** All spans of a request, in its order. */
export function decodeExport({ resourceSpans }: ExportRequest): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const process = plainAttributes(resource?.attributes ?? []);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => decodeSpan(span, process)));
  });
}

function decodeSpan(span: OtlpSpan, resource: ExportedSpan["resource"]): ExportedSpan {
  return {
    traceId: span.traceId.toString("hex"),
    spanId: span.spanId.toString("hex"),
    parentSpanId: span.parentSpanId.length > 0 ? span.parentSpanId.toString("hex") : undefined,
    name: span.name,
    kind: span.kind,
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    status: span.status ?? { code: "unset", message: "" },
    attributes: plainAttributes(span.attributes),
    resource,
    flags: span.flags,
    traceState: span.traceState,
    links: span.links.map((link) => ({
      traceId: link.traceId.toString("hex"),
      spanId: link.spanId.toString("hex"),
      attributes: plainAttributes(link.attributes),
    })),
    events: span.events.map((event) => ({
      name: event.name,
      timeNs: BigInt(event.timeUnixNano),
      attributes: plainAttributes(event.attributes),
    })),
  };
}

function plainAttributes(pairs: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value ? plainValue(value) : undefined]));
}

function plainValue(any: AnyValue): unknown {
  switch (any.value) {
    case "intValue":
      return Number(any.intValue);
    case "arrayValue":
      return any.arrayValue?.values.map(plainValue);
    case undefined:
      return undefined;
    default:
      return any[any.value];
  }
}
