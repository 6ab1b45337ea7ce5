import type { TlsIdentity } from "@baton/tls";
import * as grpc from "@grpc/grpc-js";
import { clientChannel } from "./credentials.ts";
import { callUnary } from "./outgoing-call.ts";
import { TraceService } from "./proto.ts";

/** Longest that one export may take, in ms. */
const TIMEOUT_MS = 5000;

/** Any receiver of OTLP over gRPC. */
export interface TraceSender {
  /** Sends an `ExportTraceServiceRequest` that is protobuf already. @throws BatonError */
  send(request: Uint8Array): Promise<void>;
  /** Closes the connection once running calls have ended. */
  close(): void;
}

/** A client of the receiver at `host:port`; it connects with the first call. With an identity, over TLS. */
export function createTraceSender(address: string, tls?: TlsIdentity): TraceSender {
  const client = new grpc.Client(address, ...clientChannel(address, tls));
  const { path } = TraceService.service.Export;
  return {
    async send(request) {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      await callUnary<void>(`send traces to "${address}"`, { signal }, (callback) =>
        client.makeUnaryRequest(path, toBuffer, () => {}, request, callback),
      );
    },
    close: () => client.close(),
  };
}

function toBuffer(request: Uint8Array): Buffer {
  return Buffer.from(request.buffer, request.byteOffset, request.byteLength);
}
