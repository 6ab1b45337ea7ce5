/** Spans as a tree for people: in the order of time, with runs of small siblings folded into one line. */
import type { ExportedSpan } from "@baton/tracing";
import { outerFirst } from "./instants.ts";

/** A line of the tree. */
export interface TreeLine {
  readonly depth: number;
  /** One span, or several of the same name that were folded. At least one, in the order of their start. */
  readonly spans: readonly ExportedSpan[];
}

/** So many siblings of one name, none with children, are folded into one line. */
const FOLD_FROM = 4;

/** @param fold false shows every span on a line of its own */
export function treeLines(spans: readonly ExportedSpan[], fold: boolean): TreeLine[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const sorted = spans.toSorted(outerFirst);
  const children = Map.groupBy(sorted, ({ parentSpanId = "", spanId }) =>
    ids.has(parentSpanId) && parentSpanId !== spanId ? parentSpanId : undefined,
  );
  const childrenOf = (span: ExportedSpan | undefined) => children.get(span?.spanId) ?? [];
  const isLeaf = (span: ExportedSpan) => childrenOf(span).length === 0;
  const linesBelow = (span: ExportedSpan | undefined, depth: number): TreeLine[] =>
    groupsOf(childrenOf(span), fold ? isLeaf : () => false).flatMap((group) =>
      group.length > 1
        ? [{ depth, spans: group }]
        : [{ depth, spans: group }, ...linesBelow(group[0], depth + 1)],
    );
  return linesBelow(undefined, 0);
}

/** Siblings in their order; those that may be folded and are many stand together where the first of them was. */
function groupsOf(siblings: readonly ExportedSpan[], mayFold: (span: ExportedSpan) => boolean) {
  const byName = Map.groupBy(siblings.filter(mayFold), ({ name }) => name);
  return siblings.flatMap((span): (readonly ExportedSpan[])[] => {
    const alike = mayFold(span) ? byName.get(span.name)! : [];
    if (alike.length < FOLD_FROM) return [[span]];
    return alike[0] === span ? [alike] : [];
  });
}
