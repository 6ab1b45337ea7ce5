/**
 * The sockets below a gRPC server, of which grpc-js tells nobody: who was refused, and who says nothing. They are found in
 * its HTTP/2 servers, a field that its types leave out; a version without it would fail the tests of this package.
 */
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Logger, RateLimitedWarning, systemClock } from "@baton/core";
import { handshakeFailure } from "@baton/tls";
import type { Server } from "@grpc/grpc-js";

export class ServerSockets {
  readonly #open = new Set<Socket>();

  /** To be made when the server listens. TLS handshakes that fail are logged, at most one a second. */
  constructor(server: Server, logger: Logger) {
    const { http2Servers } = server as unknown as {
      readonly http2Servers?: ReadonlyMap<EventEmitter, unknown>;
    };
    const warning = new RateLimitedWarning(logger, systemClock);
    for (const listener of http2Servers?.keys() ?? []) {
      listener.on("connection", (socket: Socket) => this.#follow(socket));
      listener.on("tlsClientError", (error: Error, socket: TLSSocket) => {
        const reason = handshakeFailure(error, socket);
        warning.warn({ peer: socket.remoteAddress }, `gRPC connection refused: ${reason}`);
      });
    }
  }

  /** Cuts every connection: one on which nobody ever spoke gRPC is not ended by the server, which waits for it. */
  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #follow(socket: Socket): void {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
  }
}
