/** What of a trace the contract is about: its requests. A client may put several into one trace, beside spans of its own. */
import { type ExportedSpan, isStandalone, rootName } from "@baton/tracing";

export interface RequestSpans {
  readonly spans: readonly ExportedSpan[];
  /** The span of the client's that the root continues. */
  readonly externalParents: readonly string[];
}

/**
 * One entry per request, per trace of Baton's that is no request's, and per span that hangs on nothing, with what is
 * below it: an orphan. Spans of somebody else, that no request is above, are left out.
 */
export function splitRequests(trace: readonly ExportedSpan[]): RequestSpans[] {
  const ids = new Set(trace.map(({ spanId }) => spanId));
  const children = Map.groupBy(trace, ({ parentSpanId }) => parentSpanId);
  const isOrphan = ({ parentSpanId }: ExportedSpan) => parentSpanId !== undefined && !ids.has(parentSpanId);
  return trace
    .filter((span) => isRoot(span) || isStandalone(span) || isOrphan(span))
    .map((top) => ({
      spans: below(top, children),
      externalParents: isRoot(top) && top.parentSpanId !== undefined ? [top.parentSpanId] : [],
    }));
}

function isRoot({ name }: ExportedSpan): boolean {
  return name.startsWith(rootName(""));
}

function below(top: ExportedSpan, children: Map<string | undefined, ExportedSpan[]>): ExportedSpan[] {
  const found = new Set([top]);
  // A set is iterated to its end, what is added meanwhile included; and a circle of parents adds nothing.
  for (const { spanId } of found) {
    for (const child of children.get(spanId) ?? []) if (!isRoot(child)) found.add(child);
  }
  return [...found];
}
