/** From a value to the trace that it comes from. */
import { type ExternalTraceHeader, type TraceFields, traceFields } from "@baton/core";

const SAMPLED = 0x01;

/** Only a trace that is sampled can be looked up. */
export function isSampled({ traceparent }: ExternalTraceHeader): boolean {
  return (Number.parseInt(traceparent.slice(53, 55), 16) & SAMPLED) === SAMPLED;
}

/** The labels of an exemplar; undefined for a trace that nobody has. */
export function exemplarOf(header: ExternalTraceHeader): Required<TraceFields> | undefined {
  const { trace_id, span_id } = traceFields(header);
  return trace_id && span_id && isSampled(header) ? { trace_id, span_id } : undefined;
}
