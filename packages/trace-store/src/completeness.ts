/** Whether a trace has arrived as a whole. Every process sends its own part, in its own time. */
import { ATTR, type ExportedSpan, rootName } from "@baton/tracing";

/**
 * True when there is a root, every other span's parent, and the server's part of every call that went well. A call
 * that went wrong may never have reached a server.
 */
export function isComplete(spans: readonly ExportedSpan[]): boolean {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const served = new Set(spans.filter(({ kind }) => kind === "server").map((span) => span.parentSpanId));
  const isRoot = ({ name }: ExportedSpan) => name.startsWith(rootName(""));
  return (
    spans.some(isRoot) &&
    spans.every((span) => isRoot(span) || ids.has(span.parentSpanId ?? "")) &&
    spans.every((span) => span.kind !== "client" || hasFailed(span) || served.has(span.spanId))
  );
}

function hasFailed({ status, attributes }: ExportedSpan): boolean {
  return status.code === "error" || ![undefined, 0, "OK"].includes(attributes[ATTR.grpcStatus] as 0);
}
