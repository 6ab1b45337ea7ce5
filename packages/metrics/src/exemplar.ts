/** From a value to the trace that it comes from. */
import { type ExternalTraceHeader, type TraceFields, traceFields } from "@baton/core";

/** Only a trace that is sampled can be looked up. */
const SAMPLED = 0x01;

/** The labels of an exemplar; undefined for a trace that nobody has. */
export function exemplarOf(header: ExternalTraceHeader): Required<TraceFields> | undefined {
  const { trace_id, span_id } = traceFields(header);
  if (!trace_id || !span_id) return undefined;
  const flags = Number.parseInt(header.traceparent.slice(53, 55), 16);
  return (flags & SAMPLED) === SAMPLED ? { trace_id, span_id } : undefined;
}
