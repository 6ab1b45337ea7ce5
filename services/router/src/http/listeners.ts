/** The sockets of the HTTP server: the API's, and one for admin calls where they have a port of their own. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { answerClientError } from "./client-error.ts";

/** Far more than an API's client sends; a longer head is answered with 431. */
const MAX_HEADER_BYTES = 16 * 1024;
/** How long a connection may take to send the head of a request, in ms. */
const HEADERS_TIMEOUT_MS = 30_000;

export interface ListenerOptions {
  /** How long a connection may take to send a whole request, in ms. */
  readonly requestTimeoutMs: number;
}

/** A server that does not listen yet. */
export function createListener(handler: RequestListener, { requestTimeoutMs }: ListenerOptions): Server {
  return createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      // Time to send a request, not to answer it: nobody keeps a connection busy by sending slowly.
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
    },
    handler,
  );
}

/** The port of admin calls: the same routes as the API's, which the guard tells apart. */
export class AdminListener {
  readonly #server: Server;
  readonly #requests = new WeakSet<IncomingMessage>();

  constructor(app: () => FastifyInstance, options: ListenerOptions) {
    this.#server = createListener((request, response) => {
      this.#requests.add(request);
      app().routing(request, response);
    }, options);
    this.#server.on("clientError", answerClientError);
  }

  /** True for a request that came to this port. */
  received(request: IncomingMessage): boolean {
    return this.#requests.has(request);
  }

  /** Resolves with the port once it listens; rejects with Node's own error. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
