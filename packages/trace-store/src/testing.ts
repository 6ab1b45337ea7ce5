/** Spans for tests: complete, with only what matters spelled out. */
import { ATTR, type ExportedSpan, rootName } from "@baton/tracing";
import { messageField } from "./wire-fields.ts";

/** Times are ms. Ids are texts of the test's choice; hex where the span is to be encoded. */
export interface SpanOptions extends Partial<Omit<ExportedSpan, "startNs" | "endNs">> {
  readonly startMs?: number;
  readonly endMs?: number;
}

export function span({ startMs = 0, endMs = 1, ...fields }: SpanOptions = {}): ExportedSpan {
  return {
    traceId: "t1",
    spanId: "root",
    parentSpanId: undefined,
    name: "stage",
    kind: "internal",
    startNs: nanoseconds(startMs),
    endNs: nanoseconds(endMs),
    status: { code: "unset", message: "" },
    attributes: {},
    resource: { "service.name": "baton-router", "service.instance.id": "router", "process.pid": 1 },
    flags: 1,
    traceState: "",
    links: [],
    events: [],
    ...fields,
  };
}

/** The root of a request. */
export function rootSpan(requestId: string, options: SpanOptions = {}): ExportedSpan {
  const attributes = { [ATTR.requestId]: requestId, ...options.attributes };
  return span({ kind: "server", name: rootName(requestId), ...options, attributes });
}

/** To the microsecond: an instant in epoch ms has no more digits. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}

/** An export request of one process, with what the store looks at: ids and names. */
export function encodeExport(spans: readonly ExportedSpan[]): Uint8Array {
  const fields = spans.map(({ traceId, spanId, parentSpanId = "", name }) =>
    messageField(2, [
      messageField(1, [Buffer.from(traceId, "hex")]),
      messageField(2, [Buffer.from(spanId, "hex")]),
      messageField(4, [Buffer.from(parentSpanId, "hex")]),
      messageField(5, [Buffer.from(name)]),
    ]),
  );
  const resource = messageField(1, [messageField(1, [messageField(1, [Buffer.from("pid")])])]);
  return messageField(1, [resource, messageField(2, fields)]);
}
