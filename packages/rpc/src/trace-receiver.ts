/** The receiving half of OTLP over gRPC: what collectors offer, and the router does too. */
import { BatonError } from "@baton/core";
import { type ExportedSpan, spansFromOtlp } from "@baton/tracing";
import type { TraceServiceHandlers } from "./generated/opentelemetry/proto/collector/trace/v1/TraceService.ts";
import { TraceService } from "./proto.ts";
import { toStatusError } from "./status.ts";

/** Takes the spans of one export; must not throw. */
export type TraceReceiver = (spans: readonly ExportedSpan[]) => void;

export function traceHandlers(receive: TraceReceiver): TraceServiceHandlers {
  return {
    Export: (call, done) => {
      try {
        receive(spansFromOtlp(call.request));
        done(null, {});
      } catch (reason) {
        done(toStatusError(BatonError.from(reason)));
      }
    },
  };
}

/** The spans of an `ExportTraceServiceRequest` in protobuf. @throws Error for anything else */
export function decodeExport(request: Uint8Array): ExportedSpan[] {
  return spansFromOtlp(TraceService.service.Export.requestDeserialize(Buffer.from(request)));
}
