/** Serves `PrefillWorker.Prefill`: one leg per call, in the trace of its caller. */
import { formatRoom } from "@baton/core";
import type { PrefillCall, PrefillResult, PrefillService } from "@baton/rpc";
import { ATTR, type RequestTracer, SPAN } from "@baton/tracing";
import { PrefillLeg, type PrefillLegParts } from "./prefill-leg.ts";

/** What a prefill leg works with. */
export interface PrefillServiceParts extends PrefillLegParts {
  readonly tracer: RequestTracer;
}

/** Makes the service; the trace is continued synchronously, while the gRPC server span is active. */
export function createPrefillService(parts: PrefillServiceParts): PrefillService {
  return {
    prefill(call: PrefillCall): Promise<PrefillResult> {
      const trace = parts.tracer.continueRequest(SPAN.prefill, call.header, {
        [ATTR.requestId]: call.request.requestId,
        [ATTR.bootstrapRoom]: formatRoom(call.room),
        [ATTR.attempt]: call.attempt,
        [ATTR.promptTokens]: call.request.promptTokenIds.length,
      });
      return new PrefillLeg(call, trace, parts).run();
    },
  };
}
