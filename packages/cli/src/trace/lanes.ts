/**
 * Packs the spans of one process into rows in which slices may only stand side by side or inside one another.
 *
 *   N1  In a lane, a slice that begins inside another lies inside it, and is a descendant of it.
 *   N2  A span goes where its parent is if it can; else to the first lane that is free.
 */
import type { ExportedSpan } from "@baton/tracing";
import { outerFirst } from "./instants.ts";

/** The lane of each span, from 0. */
export function packLanes(spans: readonly ExportedSpan[]): Map<ExportedSpan, number> {
  const byId = new Map(spans.map((span) => [keyOf(span.traceId, span.spanId), span]));
  const lanes: ExportedSpan[][] = [];
  const laneOf = new Map<ExportedSpan, number>();
  for (const span of spans.toSorted(outerFirst)) {
    const parent = byId.get(keyOf(span.traceId, span.parentSpanId));
    const wished = parent && laneOf.get(parent);
    const fits = (lane: number) => canNest(lanes[lane]!, span, byId);
    const lane = wished !== undefined && fits(wished) ? wished : firstWhere(lanes.length, fits);
    if (lane === lanes.length) lanes.push([]);
    lanes[lane]!.push(span);
    laneOf.set(span, lane);
  }
  return laneOf;
}

/** A lane is the stack of its slices that are open at the latest start. */
function canNest(open: ExportedSpan[], span: ExportedSpan, byId: Map<string, ExportedSpan>): boolean {
  while (open.length > 0 && drawnEnd(open.at(-1)!) <= span.startNs) open.pop();
  const innermost = open.at(-1);
  return innermost === undefined || (drawnEnd(span) <= drawnEnd(innermost) && isBelow(span, innermost, byId));
}

/** A span without length is drawn one nanosecond long, or nobody would see it. */
function drawnEnd({ startNs, endNs }: ExportedSpan): bigint {
  return endNs > startNs ? endNs : startNs + 1n;
}

function isBelow(span: ExportedSpan, ancestor: ExportedSpan, byId: Map<string, ExportedSpan>): boolean {
  const seen = new Set<ExportedSpan>();
  for (let at: ExportedSpan | undefined = span; at && !seen.has(at); ) {
    seen.add(at);
    at = byId.get(keyOf(at.traceId, at.parentSpanId));
    if (at === ancestor) return true;
  }
  return false;
}

function firstWhere(count: number, holds: (index: number) => boolean): number {
  for (let index = 0; index < count; index++) if (holds(index)) return index;
  return count;
}

function keyOf(traceId: string, spanId: string | undefined): string {
  return `${traceId}/${spanId}`;
}
