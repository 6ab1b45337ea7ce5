/** Serves `PrefillWorker.Prefill`: one leg per call, in the trace of its caller. */
import { formatRoom } from "@baton/core";
import { silentMetrics } from "@baton/metrics";
import type { PrefillCall, PrefillResult, PrefillService } from "@baton/rpc";
import { ATTR, nullRequestTracer, SPAN } from "@baton/tracing";
import { prefillKey } from "@baton/worker";
import { PrefillLeg, type PrefillLegParts } from "./prefill-leg.ts";

/** Makes the service; the trace is continued synchronously, while the gRPC server span is active. */
export function createPrefillService(recorded: PrefillLegParts): PrefillService {
  const unrecorded = {
    ...recorded,
    tracer: nullRequestTracer,
    metrics: silentMetrics(recorded.metrics.role),
  };
  return {
    prefill(call: PrefillCall): Promise<PrefillResult> {
      const parts = call.request.probe ? unrecorded : recorded;
      const room = formatRoom(call.room);
      const attributes = {
        [ATTR.requestId]: call.request.requestId,
        [ATTR.bootstrapRoom]: room,
        [ATTR.attempt]: call.attempt,
        [ATTR.promptTokens]: call.request.promptTokenIds.length,
        [ATTR.answeredTokens]: call.request.answeredTokenIds?.length,
      };
      const trace = parts.tracer.continueRequest(SPAN.prefill, call.header, attributes, {
        key: prefillKey(room),
      });
      return new PrefillLeg(call, trace, parts).run();
    },
  };
}
