/** Serves `DecodeWorker.Generate` and `Stop`: one leg per call, in the trace of its caller. */
import { AsyncQueue, formatRoom, type GenerationEvent, type RequestId } from "@baton/core";
import { silentMetrics } from "@baton/metrics";
import type { DecodeService, GenerateCall } from "@baton/rpc";
import { ATTR, nullRequestTracer, SPAN } from "@baton/tracing";
import { DecodeLeg, type DecodeLegParts } from "./decode-leg.ts";

/** Makes the service; the trace is continued synchronously, while the gRPC server span is active. */
export function createDecodeService(recorded: DecodeLegParts): DecodeService {
  const unrecorded = {
    ...recorded,
    tracer: nullRequestTracer,
    metrics: silentMetrics(recorded.metrics.role),
  };
  const running = new Map<string, DecodeLeg>();
  const key = (requestId: RequestId, attempt: number) => `${requestId}/${attempt}`;
  return {
    generate(call: GenerateCall): AsyncIterable<GenerationEvent> {
      const parts = call.request.probe ? unrecorded : recorded;
      const trace = parts.tracer.continueRequest(SPAN.decode, call.header, {
        [ATTR.requestId]: call.request.requestId,
        [ATTR.bootstrapRoom]: call.handover && formatRoom(call.handover.room),
        [ATTR.attempt]: call.attempt,
        [ATTR.promptTokens]: call.request.promptTokenIds.length,
        [ATTR.answeredTokens]: call.request.answeredTokenIds?.length,
      });
      // At most `maxTokens` events wait here: the queue is as bounded as the answer.
      const events = new AsyncQueue<GenerationEvent>();
      const leg = new DecodeLeg(call, trace, parts, events);
      const id = key(call.request.requestId, call.attempt);
      running.set(id, leg);
      void leg.run().finally(() => {
        if (running.get(id) === leg) running.delete(id);
      });
      return events;
    },
    stop(requestId, attempt) {
      running.get(key(requestId, attempt))?.stop();
    },
  };
}
