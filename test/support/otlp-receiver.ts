/** A real receiver of OTLP traces, over gRPC and over HTTP with protobuf, in the process of the test. */
import { once } from "node:events";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { silentLogger } from "@baton/core";
import { createRpcServer, decodeExport, type TraceReceiver } from "@baton/rpc";
import { type ExportedSpan, formatTree } from "@baton/tracing";

export interface OtlpReceiver {
  /** `http://127.0.0.1:<port>`; "" where gRPC is not served. */
  readonly grpcEndpoint: string;
  /** `http://127.0.0.1:<port>`, without the path; "" where HTTP is not served. */
  readonly httpEndpoint: string;
  /** Everything received since the start or the last `clear`, in the order of arrival. */
  spans(): readonly ExportedSpan[];
  /** Resolves with what was received as soon as `predicate` holds for it; rejects, with the trees, after `timeoutMs` (10 s). */
  waitFor(predicate: Predicate, timeoutMs?: number): Promise<readonly ExportedSpan[]>;
  /** The same for the spans of one trace. */
  waitForTrace(traceId: string, predicate: Predicate, timeoutMs?: number): Promise<readonly ExportedSpan[]>;
  clear(): void;
  stop(): Promise<void>;
}

type Predicate = (spans: readonly ExportedSpan[]) => boolean;
type Transport = "grpc" | "http";

/** Starts a receiver on free ports of the address `host`, the loopback interface unless told otherwise. */
export async function startOtlpReceiver(options: {
  readonly protocol: Transport | "both";
  readonly host?: string;
  /** Port of gRPC; a free one unless given. */
  readonly grpcPort?: number;
}): Promise<OtlpReceiver> {
  const { host = "127.0.0.1", grpcPort = 0 } = options;
  const wants = (transport: Transport) => options.protocol === transport || options.protocol === "both";
  const inbox = new Inbox();
  const overGrpc = wants("grpc") ? await serveGrpc(inbox.receive, host, grpcPort) : undefined;
  const overHttp = wants("http") ? await serveHttp(inbox.receive, host) : undefined;
  return {
    grpcEndpoint: overGrpc?.endpoint ?? "",
    httpEndpoint: overHttp?.endpoint ?? "",
    spans: () => inbox.spans,
    waitFor: (predicate, timeoutMs) => inbox.waitFor((spans) => spans, predicate, timeoutMs),
    waitForTrace: (traceId, predicate, timeoutMs) =>
      inbox.waitFor((spans) => spans.filter((span) => span.traceId === traceId), predicate, timeoutMs),
    clear: () => inbox.clear(),
    stop: async () => {
      await Promise.all([overGrpc?.stop(), overHttp?.stop()]);
    },
  };
}

/** What was received, and who waits for more of it. */
class Inbox {
  readonly #waiting = new Set<() => void>();
  readonly #spans: ExportedSpan[] = [];

  get spans(): readonly ExportedSpan[] {
    return this.#spans;
  }

  readonly receive: TraceReceiver = (request) => {
    this.#spans.push(...decodeExport(request));
    for (const check of this.#waiting) check();
  };

  clear(): void {
    this.#spans.length = 0;
  }

  waitFor(
    select: (spans: readonly ExportedSpan[]) => readonly ExportedSpan[],
    predicate: Predicate,
    timeoutMs = 10_000,
  ): Promise<readonly ExportedSpan[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly ExportedSpan[]>();
    const check = () => {
      const spans = select(this.#spans);
      if (predicate(spans)) resolve(spans);
    };
    const giveUp = () => {
      const got = formatTree(select(this.#spans));
      reject(new Error(`Cannot find the spans that were waited for within ${timeoutMs} ms, got:\n${got}`));
    };
    const timer = setTimeout(giveUp, timeoutMs);
    this.#waiting.add(check);
    check();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(check);
    });
  }
}

interface Endpoint {
  readonly endpoint: string;
  stop(): Promise<void>;
}

async function serveGrpc(receive: TraceReceiver, host: string, askedPort: number): Promise<Endpoint> {
  const server = createRpcServer({ logger: silentLogger });
  server.addTraceReceiver(receive);
  const { port } = await server.listen(host, askedPort);
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => server.shutdown(0) };
}

async function serveHttp(receive: TraceReceiver, host: string): Promise<Endpoint> {
  const server = createServer((request, response) => {
    void receiveOverHttp(receive, request, response);
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => closeServer(server) };
}

async function receiveOverHttp(
  receive: TraceReceiver,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.method !== "POST" || request.url !== "/v1/traces") {
    response.writeHead(404).end();
    return;
  }
  receive(Buffer.concat(chunks));
  response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
}

async function closeServer(server: HttpServer): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}
