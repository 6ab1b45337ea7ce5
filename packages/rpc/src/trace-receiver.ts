/** The receiving half of OTLP over gRPC: what collectors offer, and the router does too. */
import { BatonError } from "@baton/core";
import { type ExportedSpan, spansFromOtlp } from "@baton/tracing";
import type { handleUnaryCall, ServiceDefinition } from "@grpc/grpc-js";
import { TraceService } from "./proto.ts";
import { toStatusError } from "./status.ts";

/** Takes an `ExportTraceServiceRequest` as it came, encoded. What it throws is told to the sender. */
export type TraceReceiver = (request: Uint8Array) => void;

/** OTLP's service with requests that are not decoded: a receiver may have no need of it, and it is costly. */
export const undecodedTraceService: ServiceDefinition = {
  Export: { ...TraceService.service.Export, requestDeserialize: (bytes) => bytes },
};

export function traceHandlers(receive: TraceReceiver): { readonly Export: handleUnaryCall<Buffer, object> } {
  return {
    Export: (call, done) => {
      try {
        receive(call.request);
        done(null, {});
      } catch (reason) {
        done(toStatusError(BatonError.from(reason, "invalid_argument")));
      }
    },
  };
}

/** The spans of an encoded `ExportTraceServiceRequest`. @throws Error for anything else */
export function decodeExport(request: Uint8Array): ExportedSpan[] {
  return spansFromOtlp(TraceService.service.Export.requestDeserialize(Buffer.from(request)));
}
