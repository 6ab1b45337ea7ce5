/**
 * Hands log lines to the collector as well, as OpenTelemetry's log records. A record is made from the line as it is
 * written, so secrets are out of it already, and it says what the line says. Before `startTracing` has started the SDK,
 * and where it does not send logs, a record goes nowhere.
 */
import { type Attributes, logs, ROOT_CONTEXT, SeverityNumber, TraceFlags, trace } from "@opentelemetry/api";

const SEVERITY: Readonly<Record<string, SeverityNumber>> = {
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
};

/** @param line of our own logger: a JSON object with `level`, `time`, `msg`, and `trace_id` where a request is meant. */
export function exportLogLine(line: string): void {
  const { level, time, msg, name, pid, trace_id, span_id, ...fields } = JSON.parse(line) as Record<
    string,
    unknown
  >;
  logs.getLogger("baton").emit({
    timestamp: new Date(String(time)),
    severityText: String(level),
    severityNumber: SEVERITY[String(level)] ?? SeverityNumber.UNSPECIFIED,
    body: String(msg),
    attributes: fields as Attributes,
    context: contextOf(trace_id, span_id),
  });
}

function contextOf(traceId: unknown, spanId: unknown) {
  if (typeof traceId !== "string" || typeof spanId !== "string") return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
}
