/**
 * Traces in Chrome's JSON format, which Perfetto and chrome://tracing open: a process per process, rows without
 * overlaps in it, an instant per event, an arrow per link and per step from one process to another.
 */
import { type ExportedSpan, processOf } from "@baton/tracing";
import { earliest, latest } from "./instants.ts";
import { packLanes } from "./lanes.ts";

/** One record of the format; times are µs. */
export interface PerfettoEvent {
  /** M: metadata, X: slice, i: instant, s and f: start and end of an arrow. */
  readonly ph: "M" | "X" | "i" | "s" | "f";
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  readonly s?: "t";
  readonly bp?: "e";
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface PerfettoTrace {
  readonly displayTimeUnit: "ms";
  readonly traceEvents: readonly PerfettoEvent[];
}

/** A slice of no length could not be the end of an arrow. */
const SHORTEST_US = 0.001;

/** Where a span is drawn. */
interface Place {
  readonly pid: number;
  readonly tid: number;
}

export function toPerfetto(spans: readonly ExportedSpan[]): PerfettoTrace {
  const originNs = earliest(spans.map(({ startNs }) => startNs)) ?? 0n;
  const microseconds = (ns: bigint) => Number(ns - originNs) / 1000;
  const places = new Map<ExportedSpan, Place>();
  const processes = [...Map.groupBy(spans, processOf).values()];
  const rows = processes.flatMap((part, index) => {
    const lanes = packLanes(part);
    for (const [span, lane] of lanes) places.set(span, { pid: index + 1, tid: lane + 1 });
    return rowNames(part[0]!, index + 1, Math.max(...lanes.values()) + 1);
  });
  const slices = [...places].flatMap(([span, place]) => drawSpan(span, place, microseconds));
  return { displayTimeUnit: "ms", traceEvents: [...rows, ...slices, ...drawArrows(places, microseconds)] };
}

function rowNames({ resource, ...span }: ExportedSpan, pid: number, lanes: number): PerfettoEvent[] {
  const name = `${resource["service.name"] ?? "?"} (${processOf({ ...span, resource })})`;
  return [
    { ph: "M", name: "process_name", pid, tid: 0, args: { name } },
    ...Array.from({ length: lanes }, (_, lane): PerfettoEvent => {
      return { ph: "M", name: "thread_name", pid, tid: lane + 1, args: { name: `lane ${lane + 1}` } };
    }),
  ];
}

function drawSpan(span: ExportedSpan, place: Place, microseconds: (ns: bigint) => number): PerfettoEvent[] {
  const ts = microseconds(span.startNs);
  const dur = Math.max(SHORTEST_US, microseconds(span.endNs) - ts);
  const { traceId, spanId, attributes, status, kind } = span;
  const args = { ...attributes, trace_id: traceId, span_id: spanId, status: status.code };
  return [
    { ph: "X", name: span.name, cat: kind, ...place, ts, dur, args },
    ...span.events.map((event): PerfettoEvent => {
      const { name, timeNs, attributes: args } = event;
      return { ph: "i", name, cat: "event", ...place, ts: microseconds(timeNs), s: "t", args };
    }),
  ];
}

/** From what was first to what followed: from a linked span, and from a parent in another process. */
function drawArrows(
  places: ReadonlyMap<ExportedSpan, Place>,
  microseconds: (ns: bigint) => number,
): PerfettoEvent[] {
  const byId = new Map([...places.keys()].map((span) => [`${span.traceId}/${span.spanId}`, span]));
  const arrows = [...places.keys()].flatMap((to) => {
    const linked = to.links.map((link) => ({
      cat: "link",
      from: byId.get(`${link.traceId}/${link.spanId}`),
      to,
    }));
    const parent = byId.get(`${to.traceId}/${to.parentSpanId}`);
    const called = parent && processOf(parent) !== processOf(to) ? [{ cat: "call", from: parent, to }] : [];
    return [...linked, ...called];
  });
  return arrows.flatMap(({ cat, from, to }, index): PerfettoEvent[] => {
    if (!from) return [];
    const arrow = { name: cat, cat, id: index + 1 };
    const start = arrowStartNs(from, to);
    const end = latest([start, to.startNs]) ?? start;
    return [
      { ph: "s", ...arrow, ...places.get(from)!, ts: microseconds(start) },
      { ph: "f", ...arrow, ...places.get(to)!, ts: microseconds(end), bp: "e" },
    ];
  });
}

/** Inside the slice that it leaves, and as close before the start of the other as that allows. */
function arrowStartNs(from: ExportedSpan, to: ExportedSpan): bigint {
  const wished = earliest([from.endNs, to.startNs]) ?? from.endNs;
  return latest([from.startNs, wished]) ?? wished;
}
