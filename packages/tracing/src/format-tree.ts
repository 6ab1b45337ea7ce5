/** A trace as indented text, for a terminal or a failing test. */
import { type ExportedSpan, processOf } from "./exported-span.ts";
import { ATTR } from "./names.ts";

/**
 * Prints spans as trees: offset and duration in ms, name, process, and what went wrong. A span whose parent is missing
 * starts a tree of its own, so that an orphan is seen.
 */
export function formatTree(spans: readonly ExportedSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const sorted = spans.toSorted((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0));
  const children = Map.groupBy(sorted, ({ parentSpanId }) =>
    ids.has(parentSpanId ?? "") ? parentSpanId : undefined,
  );
  const origin = sorted[0]?.startNs ?? 0n;
  const print = (span: ExportedSpan, depth: number): string[] => [
    formatLine(span, depth, origin),
    ...(children.get(span.spanId) ?? []).flatMap((child) => print(child, depth + 1)),
  ];
  return (children.get(undefined) ?? []).flatMap((top) => print(top, 0)).join("\n");
}

function formatLine(span: ExportedSpan, depth: number, origin: bigint): string {
  const start = milliseconds(span.startNs - origin).padStart(10);
  const duration = milliseconds(span.endNs - span.startNs).padStart(10);
  const name = "  ".repeat(depth) + (span.kind === "internal" ? span.name : `${span.name} [${span.kind}]`);
  const notes = [
    span.attributes[ATTR.errorType] ?? (span.status.code === "error" ? "error" : undefined),
    span.attributes[ATTR.unclosed] === true ? "unclosed" : undefined,
  ].filter((note) => note !== undefined);
  return `${start} +${duration} ms  ${name}  (${[processOf(span), ...notes].join(", ")})`;
}

function milliseconds(nanoseconds: bigint): string {
  return (Number(nanoseconds) / 1e6).toFixed(3);
}
