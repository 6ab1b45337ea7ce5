/**
 * A small HTTP server for a process that has no other: `GET /metrics`, `GET /health` and `GET /liveness`.
 * It is bounded in connections, time and size of requests; work that comes in piles up nowhere.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BatonError } from "@baton/core";
import type { Metrics } from "./metrics.ts";

export interface MetricsServerOptions {
  readonly metrics: Metrics;
  /** What `/health` says, and whether that is 200 or 503. */
  readonly health: () => { readonly healthy: boolean; readonly status: string };
}

export interface MetricsServer {
  /** Resolves with the port; 0 takes a free one. @throws BatonError `unavailable` when the address cannot be used. */
  listen(host: string, port: number): Promise<{ readonly port: number }>;
  /** Answers no more; open connections are cut. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5000;

/** Makes the server; nothing listens yet. */
export function createMetricsServer(options: MetricsServerOptions): MetricsServer {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8192 },
    (request, response) => void answer(request, response, options),
  );
  server.maxConnections = MAX_CONNECTIONS;
  return {
    listen: (host, port) => listen(server, host, port),
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: MetricsServerOptions,
): Promise<void> {
  request.resume();
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "GET only\n");
  switch (request.url?.split("?")[0]) {
    case "/metrics": {
      const { contentType, body } = await options.metrics.expose();
      return send(response, 200, body, contentType);
    }
    case "/health": {
      const { healthy, status } = options.health();
      return send(response, healthy ? 200 : 503, JSON.stringify({ status }), "application/json");
    }
    // Whether to start the process again, not whether to send it work: one that drains is alive.
    case "/liveness":
      return send(response, 200, JSON.stringify({ status: "alive" }), "application/json");
    default:
      return send(response, 404, "Expected /metrics, /health or /liveness\n");
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function listen(server: Server, host: string, port: number): Promise<{ readonly port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new BatonError("unavailable", `Cannot listen for scrapes on "${host}:${port}": ${cause.message}`, {
          cause,
        }),
      ),
    );
    server.listen({ host, port }, () => resolve({ port: (server.address() as AddressInfo).port }));
  });
}
