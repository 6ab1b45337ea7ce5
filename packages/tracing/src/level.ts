/**
 * How much of a request is recorded. A request's level is fixed when it starts; a stage above it is skipped, and what
 * lies below a skipped stage hangs on the nearest recorded ancestor, so the tree stays one tree at every level.
 */
import { EVENT, SPAN, type SpanName } from "./names.ts";

export type TraceLevel = 0 | 1 | 2 | 3;

/** What each level means, as a program's `--help` says it. */
export const TRACE_LEVELS: Readonly<Record<TraceLevel, string>> = {
  0: "off: nothing is created",
  1: "the request, and one span per process it touched",
  2: "the major stages as well",
  3: "everything: chunks, steps, candidates, events",
};

/** True for a number that is a level. */
export function isTraceLevel(value: unknown): value is TraceLevel {
  return typeof value === "number" && Object.hasOwn(TRACE_LEVELS, value);
}

const STAGE_LEVEL = {
  [SPAN.admission]: 2,
  [SPAN.tokenize]: 2,
  [SPAN.prefillRouting]: 2,
  [SPAN.kvFindBestMatch]: 3,
  [SPAN.decodeRouting]: 2,
  [SPAN.prefillLeg]: 2,
  [SPAN.decodeLeg]: 2,
  [SPAN.streamOut]: 2,
  [SPAN.prefill]: 2,
  [SPAN.prefillBootstrap]: 2,
  [SPAN.prefillWaiting]: 2,
  [SPAN.prefillForward]: 2,
  [SPAN.chunkedPrefill]: 3,
  [SPAN.prefillTransfer]: 2,
  [SPAN.kvSend]: 3,
  [SPAN.decode]: 2,
  [SPAN.decodeBootstrap]: 2,
  [SPAN.decodeTransferred]: 2,
  [SPAN.kvRecv]: 3,
  [SPAN.decodeWaiting]: 2,
  [SPAN.decodeForward]: 2,
  [SPAN.decodeLoop]: 3,
  [SPAN.quickFinish]: 2,
  [SPAN.grammarCompile]: 2,
  [SPAN.kvConnection]: 2,
} as const satisfies Record<SpanName, TraceLevel>;

/** The lowest level at which a stage is recorded; a name that is not in the table counts as detail. */
export function stageLevel(name: string): TraceLevel {
  return Object.hasOwn(STAGE_LEVEL, name) ? STAGE_LEVEL[name as SpanName] : 3;
}

/** The lowest level at which gRPC calls are spans of their own. */
export const GRPC_LEVEL: TraceLevel = 2;

const DETAIL_EVENTS: ReadonlySet<string> = new Set([EVENT.candidate, EVENT.tokens]);

/** The lowest level at which an event is recorded; those that a reader of any trace looks for are, wherever there is a span. */
export function eventLevel(name: string): TraceLevel {
  return DETAIL_EVENTS.has(name) ? 3 : 1;
}
