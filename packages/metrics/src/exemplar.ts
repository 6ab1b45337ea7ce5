/** From a value to the trace that it comes from. */
import type { ExternalTraceHeader } from "@baton/core";

/** Only a trace that is sampled can be looked up. */
const SAMPLED = 0x01;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The labels of an exemplar; undefined for a trace that nobody has. */
export function exemplarOf({
  traceparent,
}: ExternalTraceHeader): { readonly trace_id: string; readonly span_id: string } | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? [];
  if (!traceId || !spanId || !flags || (Number.parseInt(flags, 16) & SAMPLED) === 0) return undefined;
  return { trace_id: traceId, span_id: spanId };
}
