/** Says in the log who was refused: a worker without a certificate is otherwise a riddle on both sides. */
import type { EventEmitter } from "node:events";
import type { TLSSocket } from "node:tls";
import { type Logger, RateLimitedWarning, systemClock } from "@baton/core";
import { handshakeFailure } from "@baton/tls";
import type { Server } from "@grpc/grpc-js";

/**
 * To be called when the server listens. grpc-js tells nobody of handshakes that fail, but its HTTP/2 servers do; they
 * are a field that its types leave out. A version without it would only cost the line in the log, and a test.
 */
export function logRefusedHandshakes(server: Server, logger: Logger): void {
  const { http2Servers } = server as unknown as {
    readonly http2Servers?: ReadonlyMap<EventEmitter, unknown>;
  };
  const warning = new RateLimitedWarning(logger, systemClock);
  for (const listener of http2Servers?.keys() ?? []) {
    listener.on("tlsClientError", (error: Error, socket: TLSSocket) => {
      const reason = handshakeFailure(error, socket);
      warning.warn({ peer: socket.remoteAddress }, `gRPC connection refused: ${reason}`);
    });
  }
}
