/** What the stages of requests say beyond their spans: each is timed once, and its one duration feeds both. */
import { SPAN, type StageObserver } from "@baton/tracing";
import type { Metrics } from "./metrics.ts";

/**
 * Stages with a histogram of their own. The others are attempts, single tokens and frames received, which say nothing
 * new, and whole parts of requests, which have metrics of their own.
 */
const OBSERVED: ReadonlySet<string> = new Set([
  SPAN.admission,
  SPAN.tokenize,
  SPAN.prefillRouting,
  SPAN.kvFindBestMatch,
  SPAN.decodeRouting,
  SPAN.streamOut,
  SPAN.prefillBootstrap,
  SPAN.prefillWaiting,
  SPAN.prefillForward,
  SPAN.chunkedPrefill,
  SPAN.prefillTransfer,
  SPAN.kvSend,
  SPAN.decodeBootstrap,
  SPAN.decodeTransferred,
  SPAN.decodeWaiting,
  SPAN.decodeForward,
  SPAN.quickFinish,
  SPAN.grammarCompile,
]);
const QUEUES: ReadonlySet<string> = new Set([SPAN.admission, SPAN.prefillWaiting, SPAN.decodeWaiting]);
const BOOTSTRAPS: ReadonlySet<string> = new Set([SPAN.prefillBootstrap, SPAN.decodeBootstrap]);

/** The observer that a process's tracing is started with. */
export function stageMetrics(metrics: Metrics): StageObserver {
  return {
    stageEnded(name, seconds, header) {
      if (!OBSERVED.has(name)) return;
      metrics.observe("baton_request_stage_seconds", seconds, { stage: name }, header);
      if (QUEUES.has(name)) metrics.observe("baton_request_queue_seconds", seconds, {}, header);
      if (BOOTSTRAPS.has(name)) metrics.observe("baton_bootstrap_wait_seconds", seconds, {}, header);
    },
  };
}
