/** Spans as they were exported, in a plain shape: what the contract checks, whatever they were received through. */

export interface ExportedSpan {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Undefined for a span that continues nothing. */
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
  /** Epoch nanoseconds. */
  readonly startNs: bigint;
  /** Epoch nanoseconds. */
  readonly endNs: bigint;
  readonly status: { readonly code: "unset" | "ok" | "error"; readonly message: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The attributes of the process that made the span. */
  readonly resource: Readonly<Record<string, unknown>>;
  /** W3C trace flags in the low eight bits. */
  readonly flags: number;
  readonly traceState: string;
  readonly links: readonly ExportedLink[];
  readonly events: readonly ExportedEvent[];
}

export interface ExportedLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface ExportedEvent {
  readonly name: string;
  /** Epoch nanoseconds. */
  readonly timeNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Sorts spans into traces, in the order in which the traces were first seen. */
export function groupTraces(spans: readonly ExportedSpan[]): Map<string, ExportedSpan[]> {
  return Map.groupBy(spans, (span) => span.traceId);
}

/** The process that a span was made in. */
export function processOf({ resource }: ExportedSpan): string {
  return `${resource["service.instance.id"] ?? resource["service.name"] ?? "?"} pid ${resource["process.pid"] ?? "?"}`;
}
