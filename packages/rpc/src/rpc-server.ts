/** A gRPC server that offers Baton's services. */
import { BatonError, hostPort, type Logger } from "@baton/core";
import type { InMemoryWorkerRegistry } from "@baton/registry";
import type { TlsIdentity } from "@baton/tls";
import * as grpc from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { MAX_MESSAGE_BYTES, serverOptions } from "./channel-options.ts";
import type { ControlService } from "./control-service.ts";
import { serverCredentials } from "./credentials.ts";
import type { DecodeService } from "./decode-service.ts";
import type { FeedService } from "./feed-service.ts";
import { IncomingCalls } from "./incoming-calls.ts";
import type { PrefillService } from "./prefill-service.ts";
import { DecodeWorker, PrefillWorker, WorkerControl, WorkerFeed, WorkerRegistry } from "./proto.ts";
import { RegistryHandlers } from "./registry-handlers.ts";
import { ServerSockets } from "./server-sockets.ts";
import { controlHandlers, decodeHandlers, feedHandlers, prefillHandlers } from "./service-handlers.ts";
import { type TraceReceiver, traceHandlers, undecodedTraceService } from "./trace-receiver.ts";

/** How long calls that were told to end may take to do so before their connections are cut, in ms. */
const END_TIMEOUT_MS = 1000;

/** How to make a server. */
export interface RpcServerOptions {
  readonly logger: Logger;
  /** Shown to clients, which then need a certificate of its authorities. */
  readonly tls?: TlsIdentity | undefined;
  /** Largest message either way, in bytes; 16 MiB unless told otherwise. */
  readonly maxMessageBytes?: number;
}

/** A server; services are added before it listens. */
export interface RpcServer {
  addPrefill(service: PrefillService): void;
  addDecode(service: DecodeService): void;
  addControl(service: ControlService): void;
  addFeed(service: FeedService): void;
  addRegistry(registry: InMemoryWorkerRegistry): void;
  /** Offers OTLP: any exporter of traces can send to this server. */
  addTraceReceiver(receive: TraceReceiver): void;
  /** What grpc.health.v1 answers, for the whole server ("") and for each service; not serving at first. */
  setServing(serving: boolean): void;
  /**
   * Listens on `host` and `port`; 0 takes a free one. Resolves with the port.
   * @throws BatonError `unavailable` when the address cannot be bound.
   */
  listen(host: string, port: number): Promise<{ readonly port: number }>;
  /**
   * Refuses new work with `unavailable`, lets the running calls end for `graceMs`, then aborts them with `unavailable`.
   * Connections are closed only when all calls have ended and were sent; those whose peers do not take it are cut.
   * Until then generations can be stopped and the status asked for. Resolves when all is closed. Safe to call again.
   */
  shutdown(graceMs: number): Promise<void>;
  /** Aborts the calls that run now, feeds apart. */
  abortCalls(reason: BatonError): void;
  /** Resolves when no call runs any more, feeds apart. */
  idle(): Promise<void>;
  /** Calls being worked on; registrations, feeds, controls, health checks and exports do not count. */
  readonly openCalls: number;
}

/** Makes a server that does not listen yet. */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  return new GrpcServer(options);
}

class GrpcServer implements RpcServer {
  readonly #logger: Logger;
  readonly #tls: TlsIdentity | undefined;
  readonly #server: grpc.Server;
  readonly #calls = new IncomingCalls();
  /** They never end by themselves and carry no work. */
  readonly #feeds = new IncomingCalls();
  /** They are answered at once and carry no work. */
  readonly #controls = new IncomingCalls();
  readonly #health = new HealthImplementation();
  readonly #healthNames = [""];
  readonly #registries: RegistryHandlers[] = [];
  #serving = false;
  #sockets: ServerSockets | undefined;
  #closing: Promise<void> | undefined;

  constructor({ logger, tls, maxMessageBytes = MAX_MESSAGE_BYTES }: RpcServerOptions) {
    this.#logger = logger;
    this.#tls = tls;
    this.#server = new grpc.Server(serverOptions(maxMessageBytes));
    this.#health.addToServer(this.#server);
    this.setServing(false);
  }

  get openCalls(): number {
    return this.#calls.count;
  }

  abortCalls(reason: BatonError): void {
    this.#calls.abort(reason);
  }

  async idle(): Promise<void> {
    while (this.#calls.count > 0) await this.#calls.settled();
  }

  addPrefill(service: PrefillService): void {
    this.#add("baton.v1.PrefillWorker", PrefillWorker.service, prefillHandlers(service, this.#context));
  }

  addDecode(service: DecodeService): void {
    this.#add("baton.v1.DecodeWorker", DecodeWorker.service, decodeHandlers(service, this.#context));
  }

  addControl(service: ControlService): void {
    const context = { calls: this.#controls, logger: this.#logger };
    this.#add("baton.v1.WorkerControl", WorkerControl.service, controlHandlers(service, context));
  }

  addFeed(service: FeedService): void {
    const context = { calls: this.#feeds, logger: this.#logger };
    this.#add("baton.v1.WorkerFeed", WorkerFeed.service, feedHandlers(service, context));
  }

  addRegistry(registry: InMemoryWorkerRegistry): void {
    const handlers = new RegistryHandlers(registry, this.#logger);
    this.#registries.push(handlers);
    this.#add("baton.v1.WorkerRegistry", WorkerRegistry.service, handlers.handlers);
  }

  addTraceReceiver(receive: TraceReceiver): void {
    const name = "opentelemetry.proto.collector.trace.v1.TraceService";
    this.#add(name, undecodedTraceService, traceHandlers(receive));
  }

  setServing(serving: boolean): void {
    this.#serving = serving;
    for (const name of this.#healthNames) {
      this.#health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    }
  }

  async listen(host: string, port: number): Promise<{ readonly port: number }> {
    const address = hostPort(host, port);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.bindAsync(address, serverCredentials(this.#tls), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
    try {
      const bound = { port: await promise };
      this.#sockets = new ServerSockets(this.#server, this.#logger);
      return bound;
    } catch (cause) {
      const { message } = BatonError.from(cause);
      throw new BatonError("unavailable", `Cannot listen on "${address}": ${message}`, {
        cause: asSystemError(cause, host, port),
      });
    }
  }

  shutdown(graceMs: number): Promise<void> {
    this.#closing ??= this.#shutdown(graceMs);
    return this.#closing;
  }

  async #shutdown(graceMs: number): Promise<void> {
    this.setServing(false);
    for (const registry of this.#registries) registry.close();
    this.#calls.close(stopping("accept"));
    const abort = setTimeout(() => this.#calls.abort(stopping("finish")), graceMs);
    const cut = setTimeout(() => {
      this.#server.forceShutdown();
      this.#sockets?.destroy();
    }, graceMs + END_TIMEOUT_MS);
    await this.#calls.settled();
    this.#feeds.close(stopping("accept"));
    this.#feeds.abort(stopping("go on with"));
    await this.#feeds.settled();
    // Not before: an idle connection is closed at once, and then nobody can stop a generation.
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    clearTimeout(abort);
    clearTimeout(cut);
    await Promise.all([this.#calls, this.#feeds, this.#controls].map((calls) => calls.settled()));
  }

  get #context() {
    return { calls: this.#calls, logger: this.#logger };
  }

  #add(name: string, definition: grpc.ServiceDefinition, handlers: grpc.UntypedServiceImplementation): void {
    this.#server.addService(definition, handlers);
    this.#healthNames.push(name);
    this.setServing(this.#serving);
  }
}

function stopping(action: string): BatonError {
  return new BatonError("unavailable", `Cannot ${action} the call: the server is shutting down`);
}

/** grpc-js says in words only that a port is in use; whoever starts processes looks for Node's own form of it. */
function asSystemError(cause: unknown, address: string, port: number): unknown {
  const { message } = BatonError.from(cause);
  if (!message.includes("EADDRINUSE")) return cause;
  return Object.assign(new Error(message, { cause }), { code: "EADDRINUSE", address, port });
}
