/** Prefill side: the TCP server from which decode workers fetch KV. */
import type { Server, Socket } from "node:net";
import {
  BatonError,
  type ExternalTraceHeader,
  type Logger,
  RateLimitedWarning,
  systemClock,
  traceFields,
} from "@baton/core";
import type { TlsIdentity } from "@baton/tls";
import type { FrameConnection } from "./frame-connection.ts";
import { Greeting, type GreetingOptions } from "./greeting.ts";
import type { KvIdentity } from "./hello.ts";
import { DEFAULT_LIMITS, type KvServerLimits } from "./kv-server-limits.ts";
import { createSocketServer } from "./kv-sockets.ts";
import { RoomCounts } from "./room-lifecycle.ts";
import { RoomRegistry } from "./room-registry.ts";
import type { KvServer, KvTransferStatus, OpenRoomOptions, SendingRoom } from "./transfer-api.ts";

/** Who serves, and within what bounds. With a secret, every HELLO must prove that it knows it. */
export interface KvServerOptions extends KvIdentity {
  /** Shown to decode workers, which then need a certificate of its authorities. */
  readonly tls?: TlsIdentity | undefined;
  readonly limits?: Partial<KvServerLimits>;
  readonly logger: Logger;
}

/** Makes the prefill side of the hand-over; nothing listens yet. */
export function createKvServer(options: KvServerOptions): KvServer {
  return new TcpKvServer(options);
}

class TcpKvServer implements KvServer {
  readonly #limits: KvServerLimits;
  readonly #counts = new RoomCounts();
  readonly #registry: RoomRegistry;
  readonly #server: Server;
  readonly #warning: RateLimitedWarning;
  readonly #greetingOptions: Pick<GreetingOptions, "secret" | "helloTimeoutMs" | "lingerMs">;
  /** Connections that have not said a valid HELLO, until they do or are closed. */
  readonly #unidentified = new Set<Greeting>();
  readonly #connections = new Set<FrameConnection>();
  #closing: Promise<void> | undefined;

  constructor(options: KvServerOptions) {
    const { workerId, epoch, layout, secret, logger } = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#warning = new RateLimitedWarning(logger, systemClock);
    this.#greetingOptions = { ...this.#limits, secret };
    this.#registry = new RoomRegistry({
      context: { workerId, epoch, layout, counts: this.#counts },
      limits: this.#limits,
      clock: systemClock,
      onRefused: (error, trace) => this.#warn(error, trace),
    });
    this.#server = createSocketServer({
      tls: options.tls,
      handshakeTimeoutMs: this.#limits.helloTimeoutMs,
      onConnection: (socket) => this.#onConnection(socket),
      onRefused: (reason, { remoteAddress }) =>
        this.#warning.warn({ peer: remoteAddress }, `KV connection refused: ${reason}`),
      admits: (open) => open - this.#connections.size < this.#limits.maxUnidentified,
    });
  }

  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
    return new Promise((resolve, reject) => {
      const onError = (cause: Error) => {
        const message = `Cannot listen for KV connections on "${host}:${port}": ${cause.message}`;
        reject(new BatonError("unavailable", message, { cause }));
      };
      this.#server.once("error", onError);
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.off("error", onError);
        const address = this.#server.address();
        resolve({ host, port: typeof address === "object" && address ? address.port : port });
      });
    });
  }

  open(options: OpenRoomOptions): SendingRoom {
    if (this.#closing) throw closingError();
    return this.#registry.open(options);
  }

  status(): KvTransferStatus {
    return { rooms: this.#counts.snapshot(), connections: this.#connections.size };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#registry.abortAll(closingError());
    for (const greeting of this.#unidentified) greeting.onFailure(closingError());
    await closed;
    await Promise.all([...this.#connections].map((connection) => connection.closed));
  }

  #onConnection(socket: Socket): void {
    const { maxUnidentified } = this.#limits;
    if (this.#unidentified.size >= maxUnidentified) {
      socket.destroy(); // No ABORT: a socket that lingers is what there are too many of.
      this.#warning.warn({ maxUnidentified }, "Too many KV connections without a HELLO: one more was closed");
      return;
    }
    const greeting: Greeting = new Greeting(socket, {
      ...this.#greetingOptions,
      onClaim: (claim) => {
        this.#unidentified.delete(greeting);
        this.#registry.claim(claim);
      },
      onRefused: (error) => this.#warn(error),
    });
    this.#unidentified.add(greeting);
    const { connection } = greeting;
    this.#connections.add(connection);
    void connection.closed.then(() => {
      this.#unidentified.delete(greeting);
      this.#connections.delete(connection);
    });
  }

  #warn(error: BatonError, trace?: ExternalTraceHeader): void {
    this.#warning.warn({ code: error.code, ...traceFields(trace) }, error.message);
  }
}

function closingError(): BatonError {
  return new BatonError("unavailable", "Cannot hand over KV: the prefill worker is closing");
}
