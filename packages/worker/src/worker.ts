/**
 * What every worker has, whatever its role: an identity, the engine, a gRPC server, a place in the registry, and a
 * life cycle. A service adds its own handlers and listeners, then calls `serve`.
 *
 *   W1  A worker is announced as `serving` only once every listener is up, and calls itself healthy only once the
 *       registry has taken it in: whoever replaces workers one by one may then stop the next.
 *   W2  Shutdown goes outside in: announce `draining`, let calls end, then the service's own parts, then the engine.
 *   W3  A failed engine ends the worker: `ended` settles with the error, the process exits, its supervisor restarts it.
 */
import { randomUUID } from "node:crypto";
import {
  type BatonError,
  hostPort,
  type KvLayout,
  type Logger,
  systemClock,
  type WorkerRecord,
  type WorkerRole,
  type WorkerState,
  workerId,
} from "@baton/core";
import type { EngineApi } from "@baton/engine";
import { BLOCK_HASH_SEED } from "@baton/kv-cache";
import type { KvTransferStatus } from "@baton/kv-transfer";
import { createMetricsServer, type Metrics, type MetricsServer } from "@baton/metrics";
import type { WorkerAnnouncer } from "@baton/registry";
import { type CacheFlush, createRpcServer, type RpcServer, type WorkerStatus } from "@baton/rpc";
import type { TlsIdentity } from "@baton/tls";
import type { RequestTracer } from "@baton/tracing";
import { advertisedHost } from "./advertised-host.ts";
import { createAnnouncer } from "./create-announcer.ts";
import { WorkerFeed } from "./feed/worker-feed.ts";
import { type ServedModel, serveModel } from "./served-model.ts";
import { StepTracer } from "./step-tracer.ts";
import type { WorkerConfig } from "./worker-config.ts";
import { WorkerDrain } from "./worker-drain.ts";
import { readWorkerMetrics, stepMetrics } from "./worker-metrics.ts";
import { workerStatus } from "./worker-status.ts";

/** What a service must say to get a worker. */
export interface WorkerOptions {
  readonly role: WorkerRole;
  readonly config: WorkerConfig;
  readonly tracer: RequestTracer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Undefined where nothing is encrypted. */
  readonly tls: TlsIdentity | undefined;
}

/** What a service contributes when it starts to serve. */
export interface WorkerMount {
  /** Where decode workers fetch KV, if this worker offers any. */
  readonly kvAddress?: WorkerRecord["kvAddress"];
  readonly kvStatus: () => KvTransferStatus;
  /** Closes the service's own listeners; called once, when no gRPC call is left. */
  readonly close: () => Promise<void>;
}

/** `host:port` of the listeners that every worker has. */
export type WorkerAddresses = Readonly<Record<"grpc" | "metrics", string>>;

/** A worker that is set up and not yet announced. */
export interface Worker {
  readonly id: WorkerRecord["id"];
  readonly epoch: string;
  readonly layout: KvLayout;
  readonly engine: EngineApi;
  /** Records the engine's steps in the traces of sequences that ask for it. */
  readonly steps: StepTracer;
  readonly server: RpcServer;
  /** Listens, announces, and resolves once the worker can be called; it is healthy once it can be found (W1). */
  serve(mount: WorkerMount): Promise<WorkerAddresses>;
  /** Drains and closes everything. Safe to call again: the same promise. */
  close(): Promise<void>;
  /** Settles when the worker cannot go on. Never settles on `close`. */
  readonly failed: Promise<BatonError>;
  /** Settles when an operator has told the worker to stop and nothing runs any more: it is to be closed. */
  readonly stopped: Promise<void>;
}

/** Prepares the model and starts the engine; nothing listens yet. */
export async function createWorker(options: WorkerOptions): Promise<Worker> {
  const { config, role, metrics, logger } = options;
  const steps = new StepTracer(options.tracer);
  const measure = stepMetrics(metrics);
  const model = await serveModel(role, config, (step) => {
    measure(step);
    steps.executed(step);
  });
  warnIfSmall(model, logger);
  return new RunningWorker(options, model, steps);
}

/** Memory that cannot hold one sequence of full length still works, but the longest requests are refused. */
function warnIfSmall({ maxModelTokens, fullTokens }: ServedModel, logger: Logger): void {
  if (maxModelTokens < fullTokens) {
    logger.warn(
      { maxTokens: maxModelTokens, maxModelTokens: fullTokens },
      "KV memory holds less than one request of the model's full length",
    );
  }
}

class RunningWorker implements Worker {
  readonly id: WorkerRecord["id"];
  readonly epoch: string = randomUUID();
  readonly layout: KvLayout;
  readonly engine: EngineApi;
  readonly steps: StepTracer;
  readonly server: RpcServer;
  readonly failed: Promise<BatonError>;
  readonly stopped: Promise<void>;
  readonly #options: WorkerOptions;
  readonly #model: ServedModel;
  readonly #metricsServer: MetricsServer;
  readonly #drain: WorkerDrain;
  #announcer: WorkerAnnouncer | undefined;
  #mount: WorkerMount | undefined;
  #record: WorkerRecord | undefined;
  /** The registry has taken the worker in, now or before: a router that is lost makes no worker unhealthy. */
  #wasRegistered = false;
  #closing: Promise<void> | undefined;

  constructor(options: WorkerOptions, model: ServedModel, steps: StepTracer) {
    this.#options = options;
    this.#model = model;
    this.layout = model.layout;
    this.engine = model.engine;
    this.steps = steps;
    this.id = workerId(options.config.workerId);
    this.server = createRpcServer(options);
    this.failed = model.engine.failed;
    this.#drain = new WorkerDrain({
      server: this.server,
      announce: (state) => this.#announce(state),
      leave: () => void this.#announcer?.close(),
    });
    this.stopped = this.#drain.stopped;
    this.#metricsServer = createMetricsServer({ metrics: options.metrics, health: () => this.#health() });
  }

  async serve(mount: WorkerMount): Promise<WorkerAddresses> {
    const { config, metrics, logger } = this.#options;
    this.#mount = mount;
    const { id, epoch, engine } = this;
    const feed = new WorkerFeed({ id, epoch, blocks: this.#model.kvBlocks, engine, clock: systemClock });
    readWorkerMetrics(metrics, { engine, kvStatus: mount.kvStatus, feed });
    this.server.addControl({
      status: () => this.#status(mount),
      flushCache: () => this.#flushCache(),
      drain: (order) => this.#drain.start(order),
      resume: () => this.#drain.resume(),
    });
    this.server.addFeed(feed);
    const { port } = await this.server.listen(config.host, config.grpcPort);
    const { port: metricsPort } = await this.#metricsServer.listen(config.host, config.metricsPort);
    const host = advertisedHost(config);
    const grpcAddress = hostPort(host, port);
    this.#record = {
      id: this.id,
      epoch: this.epoch,
      role: this.#options.role,
      state: "starting",
      grpcAddress,
      ...(this.#options.tls && { tls: true }),
      ...(mount.kvAddress && { kvAddress: mount.kvAddress }),
      model: this.#model.name,
      layout: this.layout,
      capacity: {
        kvBlocks: this.#model.kvBlocks,
        maxRunning: config.maxRunning,
        maxModelTokens: this.#model.maxModelTokens,
      },
      kvHashSeed: Number(BLOCK_HASH_SEED),
    };
    this.#announcer = createAnnouncer(config, {
      ...this.#options,
      onRegistered: () => {
        this.#wasRegistered = true;
        this.#tellHealth();
      },
    });
    this.#announce("serving");
    logger.info(
      { worker: this.id, epoch: this.epoch, grpcAddress, kvAddress: mount.kvAddress },
      "Worker serves",
    );
    return { grpc: grpcAddress, metrics: hostPort(host, metricsPort) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#announce("draining");
    await this.server.shutdown(this.#options.config.drainTimeoutMs);
    await this.#mount?.close();
    await this.#announcer?.close();
    await this.engine.close();
    await this.#metricsServer.close(); // Last: a worker that drains slowly can be looked at.
  }

  #health() {
    const state = this.#record?.state ?? "starting";
    const status = state === "serving" && !this.#wasRegistered ? "starting" : state;
    return { healthy: status === "serving", status };
  }

  #announce(state: WorkerState): void {
    if (!this.#record || !this.#announcer) return;
    this.#record = { ...this.#record, state };
    this.#tellHealth();
    this.#announcer.announce(this.#record);
  }

  /** To the health service of gRPC; that of HTTP asks by itself. */
  #tellHealth(): void {
    this.server.setServing(this.#health().healthy);
  }

  #flushCache(): CacheFlush {
    const { prefixCache } = this.engine;
    const freedBlocks = prefixCache.forgetCached();
    this.#options.logger.info({ freedBlocks }, "Prefix cache flushed");
    return { freedBlocks, keptBlocks: prefixCache.names().length };
  }

  #status(mount: WorkerMount): WorkerStatus {
    return workerStatus({
      id: this.id,
      epoch: this.epoch,
      state: this.#record?.state ?? "starting",
      scheduler: this.engine.status(),
      kv: mount.kvStatus(),
      openSpans: this.#options.tracer.open,
    });
  }
}
