/** What became of the traces of a process. */
import type { TracingCounts } from "@baton/tracing";
import type { Metrics } from "./metrics.ts";

/** Reads the counts of the tracing package at every scrape. */
export function readTracingCounts(metrics: Metrics, counts: () => TracingCounts): void {
  metrics.read("baton_trace_spans_dropped_total", () => [{ labels: {}, value: counts().dropped }]);
  metrics.read("baton_trace_spans_open", () => [{ labels: {}, value: counts().open }]);
  metrics.read("baton_trace_defects_total", () => {
    const { unclosed, doubleEnds, lateStarts } = counts();
    return [
      { labels: { kind: "unclosed" }, value: unclosed },
      { labels: { kind: "double_end" }, value: doubleEnds },
      { labels: { kind: "late_start" }, value: lateStarts },
    ];
  });
}
