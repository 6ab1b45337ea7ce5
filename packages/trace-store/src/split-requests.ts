/** What of a trace the contract is about: its requests. A client may put several into one trace, beside spans of its own. */
import { type ExportedSpan, isStandalone, rootName } from "@baton/tracing";

export interface RequestSpans {
  readonly spans: readonly ExportedSpan[];
  /** The span of the client's that the root continues. */
  readonly externalParents: readonly string[];
}

/**
 * One entry per request, with the spans that hang on nothing where they can only be its own; else one entry for each of
 * those. Also one per trace of Baton's that is no request's. Spans of somebody else, that no request is above, are left
 * out.
 */
export function splitRequests(trace: readonly ExportedSpan[]): RequestSpans[] {
  const ids = new Set(trace.map(({ spanId }) => spanId));
  const children = Map.groupBy(trace, ({ parentSpanId }) => parentSpanId);
  const isOrphan = (span: ExportedSpan) =>
    !isRoot(span) && span.parentSpanId !== undefined && !ids.has(span.parentSpanId);
  const orphans = trace.filter(isOrphan).map((top) => below(top, children));
  const requests = trace
    .filter((span) => isRoot(span) || isStandalone(span))
    .map((root) => ({ spans: below(root, children), externalParents: externalParentsOf(root) }));
  const [only, ...others] = requests;
  if (only && others.length === 0) return [{ ...only, spans: [...only.spans, ...orphans.flat()] }];
  return [...requests, ...orphans.map((spans) => ({ spans, externalParents: [] }))];
}

/** A client's span may be in the trace, or known to nobody here. */
function externalParentsOf({ parentSpanId, spanId }: ExportedSpan): readonly string[] {
  return parentSpanId === undefined || parentSpanId === spanId ? [] : [parentSpanId];
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
