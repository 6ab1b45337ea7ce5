/** The one place that names what a router is made of. */
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type ConfigOf, shownSettings, version } from "@baton/config";
import { BatonError, hostPort, type Logger, systemClock, type WorkerRecord } from "@baton/core";
import type { Service } from "@baton/lifecycle";
import type { Metrics } from "@baton/metrics";
import { hashModel, readModelFiles, resolveModel } from "@baton/model";
import {
  createRoutePlanner,
  DEFAULT_RETRY_LIMITS,
  type DisaggregationBounds,
  KvIndex,
  LoadLedger,
  type RetryLimits,
} from "@baton/routing";
import { createRpcServer } from "@baton/rpc";
import type { TlsIdentity } from "@baton/tls";
import { loadTokenizer } from "@baton/tokenizer";
import type { TraceStore } from "@baton/trace-store";
import type { RequestTracer } from "@baton/tracing";
import { adminPlace } from "./access/admin-place.ts";
import type { KeyLimits } from "./access/api-key.ts";
import { Canaries } from "./canary/canaries.ts";
import { chosenWorkers } from "./canary/chosen-workers.ts";
import { Prober } from "./canary/prober.ts";
import { WorkerClients } from "./clients/worker-clients.ts";
import { settings } from "./config.ts";
import { FeedSink } from "./feeds/feed-sink.ts";
import { WorkerFeeds } from "./feeds/worker-feeds.ts";
import type { GuardOptions } from "./http/guard.ts";
import { createHttpServer } from "./http/http-server.ts";
import { AdminListener } from "./http/listeners.ts";
import { addAbortRequest } from "./http/routes/abort-request.ts";
import { addBusyThreshold } from "./http/routes/busy-threshold.ts";
import { addChatCompletions } from "./http/routes/chat-completions.ts";
import { addCompletions } from "./http/routes/completions.ts";
import { addFlushCache } from "./http/routes/flush-cache.ts";
import { addGenerate } from "./http/routes/generate.ts";
import { addGetLoads } from "./http/routes/get-loads.ts";
import { addHealthGenerate } from "./http/routes/health-generate.ts";
import { addMetrics } from "./http/routes/metrics.ts";
import { addModelInfo } from "./http/routes/model-info.ts";
import { addModels } from "./http/routes/models.ts";
import { addOpenApi } from "./http/routes/openapi.ts";
import { addProbes } from "./http/routes/probes.ts";
import { addServerInfo } from "./http/routes/server-info.ts";
import { addTokenize } from "./http/routes/tokenize.ts";
import { addTraceLevel } from "./http/routes/trace-level.ts";
import { addTraces } from "./http/routes/traces.ts";
import { addWorkers } from "./http/routes/workers.ts";
import { InFlightRequests } from "./in-flight-requests.ts";
import { openRegistry } from "./open-registry.ts";
import { Admission } from "./pipeline/admit.ts";
import { LoadShedder } from "./pipeline/load-shedder.ts";
import { createPipeline } from "./pipeline/pipeline.ts";
import { longestTokenBytes } from "./pipeline/tokenize.ts";
import { WorkerWatch } from "./pipeline/worker-watch.ts";
import { readRouterMetrics } from "./router-metrics.ts";
import { traceWorkers } from "./trace-workers.ts";
import { assertAcceptable } from "./worker-acceptance.ts";
import { WorkerAdmin } from "./worker-admin.ts";

/** What the process has before its parts are put together. */
export interface ServiceParts {
  readonly tracer: RequestTracer;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Undefined where nothing between router and workers is encrypted. */
  readonly tls?: TlsIdentity | undefined;
  /** Keeps the last traces of the cluster; absent where that is switched off. */
  readonly traceStore?: TraceStore | undefined;
}

/** Starts the router: resolves once the API and the registry listen. */
export async function startRouter(
  config: ConfigOf<typeof settings>,
  { tracer, metrics, logger, tls, traceStore }: ServiceParts,
): Promise<Service> {
  const admin = adminPlace(config);
  const { folder, name } = await resolveModel(config);
  const files = await readModelFiles(folder, name);
  const model = { name: files.name, hash: await hashModel(folder, config.weights) };
  const tokenizer = loadTokenizer(files.tokenizer);

  const opened = openRegistry(config, {
    accept: (worker) => assertAcceptable(worker, model, workers()),
    secure: tls !== undefined,
    logger,
  });
  const { registry, own } = opened;
  const workers = () => registry.workers();
  const clients = new WorkerClients(registry, tls);
  const { routingTemperature: temperature } = config;
  const planner = createRoutePlanner({
    ...config,
    temperature,
    random: Math.random,
    decodePrefillScale: config.disaggregation === "conditional" ? 1 : 0,
  });
  const kvIndex = new KvIndex();
  const ledger = new LoadLedger();
  const inFlight = new InFlightRequests();

  const watch = new WorkerWatch(systemClock);
  const view = () => ledger.view(workers(), (worker) => watch.of(worker));
  const shedder = new LoadShedder({
    thresholds: { kvUse: config.busyKvUse, waitingTokens: config.busyWaitingTokens },
    view,
    availability: (current) => planner.availability(model.name, current),
  });
  const admission = new Admission(config, {
    judge: () => shedder.judge(),
    onRefused: (why) => metrics.add("baton_router_refusals_total", 1, { why }),
  });
  const stopFollowing = registry.onChange(() => {
    watch.retain(workers());
    kvIndex.setWorkers(workers());
  });
  const sink = new FeedSink({ kvIndex, watch, metrics });
  const feeds = new WorkerFeeds({ registry, clients, sink, logger });
  readRouterMetrics(metrics, { admission, view, watch, traceStore, kvIndex, feeds });

  const prompts = {
    tokenizer,
    defaults: files.generation,
    contextTokens: () => contextTokens(workers()) ?? files.config.maxPositions,
    longestTokenBytes: longestTokenBytes(tokenizer),
  };
  const pipeline = createPipeline({
    ...prompts,
    admission,
    metrics,
    planner,
    ledger,
    kvIndex,
    disaggregation: { mode: config.disaggregation, bounds: disaggregationBounds(config) },
    clock: systemClock,
    view,
    watch,
    model: model.name,
    tracesRouting: tracer.traces("routing"),
    clients,
    retryLimits: retryLimits(config),
    random: Math.random,
    logger,
  });
  const stopTracingWorkers = traceWorkers(registry, tracer);

  const adminListener = admin.kind === "own-port" ? new AdminListener(() => app, config) : undefined;
  const access: GuardOptions = {
    keys: config.apiKeys ?? [],
    keyLimits: keyLimits(config),
    admin,
    logger,
    portOf: ({ raw }) => (adminListener?.received(raw) ? "admin" : "api"),
  };
  const app = createHttpServer({ ...config, access, admission, inFlight, tracer, metrics, logger });
  const { traceContent, routingOverrides } = config;
  const { toolFormat } = tokenizer;
  addOpenApi(app, version());
  const completions = { pipeline, model, toolFormat, inFlight, traceContent, routingOverrides };
  addChatCompletions(app, completions);
  addCompletions(app, completions);
  addGenerate(app, completions);
  addAbortRequest(app, inFlight);
  addTokenize(app, { ...prompts, model: model.name });
  addModelInfo(app, { ...prompts, model });
  addModels(app, model, Math.floor(systemClock.now() / 1000));
  addProbes(app, {
    availability: () => planner.availability(model.name, view()),
    stopping: () => inFlight.stopping,
    refusedWorkers: () => registry.refused().length,
  });

  const stopping = new AbortController();
  const prober = new Prober({ clients, logger, watch });
  addHealthGenerate(app, {
    probe: async (timeoutMs) =>
      prober.probe(chosenWorkers(planner, model.name, view()), timeoutMs, stopping.signal),
    stopping: () => inFlight.stopping,
  });
  const canaries = config.canaryIntervalMs
    ? new Canaries({
        prober,
        view,
        usedAt: (worker) => watch.usedAt(worker),
        intervalMs: config.canaryIntervalMs,
        clock: systemClock,
        random: Math.random,
        logger,
      })
    : undefined;

  addMetrics(app, metrics);
  addTraces(app, traceStore);
  addTraceLevel(app, tracer);
  addBusyThreshold(app, shedder);
  const workerAdmin = new WorkerAdmin({ registry, clients, logger });
  addWorkers(app, {
    view,
    refused: () => registry.refused(),
    circuitOf: (worker) => watch.circuitOf(worker),
    admin: workerAdmin,
    version: version(),
  });
  addGetLoads(app, { view, admin: workerAdmin });
  addServerInfo(app, {
    settings: shownSettings(settings, config),
    version: version(),
    workers,
    startedAt: systemClock.now(),
    requests: () => ({ running: admission.running, waiting: admission.waiting }),
  });
  addFlushCache(app, {
    workers,
    flush: (worker, options) => clients.control(worker).flushCache(options),
  });

  const server = createRpcServer({ logger, tls });
  if (own) server.addRegistry(own);
  if (traceStore) server.addTraceReceiver((request) => traceStore.add(request));
  const { port: registryPort } = await server.listen(config.registryHost, config.registryPort);
  server.setServing(true);
  await app.listen({ host: config.host, port: config.port });
  const adminPort = await adminListener?.listen(config.adminHost, config.adminPort ?? 0);
  const addresses = {
    ...(adminPort !== undefined && { admin: hostPort(config.adminHost, adminPort) }),
    http: hostPort(config.host, (app.server.address() as AddressInfo).port),
    grpc: hostPort(config.registryHost, registryPort),
  };
  logger.info({ ...addresses, model }, "Router serves");

  return {
    addresses,
    async close() {
      inFlight.announceStop();
      await delay(config.drainDelayMs);
      canaries?.[Symbol.dispose]();
      await inFlight.drain(config.drainTimeoutMs);
      stopping.abort(new BatonError("canceled", "Canceled: the router is stopping"));
      await Promise.all([app.close(), adminListener?.close()]);
      stopTracingWorkers();
      stopFollowing();
      await feeds.close();
      clients[Symbol.dispose]();
      opened[Symbol.dispose]();
      await server.shutdown(0);
    },
  };
}

/** What every worker can do; they know the model's own limit. Undefined without workers. */
function contextTokens(workers: readonly WorkerRecord[]): number | undefined {
  if (workers.length === 0) return undefined;
  return Math.min(...workers.map(({ capacity }) => capacity.maxModelTokens));
}

function disaggregationBounds(config: ConfigOf<typeof settings>): DisaggregationBounds {
  const { localUncachedTokens: uncachedTokens, localUncachedShare: uncachedShare } = config;
  const { busyPrefillTokens, maxLocalTokens } = config;
  return { uncachedTokens, uncachedShare, busyPrefillTokens, maxLocalTokens };
}

/** What is off has no limit. */
function keyLimits(config: ConfigOf<typeof settings>): KeyLimits {
  return {
    requestsPerMinute: config.keyRequestsPerMinute || undefined,
    tokensPerMinute: config.keyTokensPerMinute || undefined,
    concurrent: config.keyConcurrent || undefined,
  };
}

function retryLimits(config: ConfigOf<typeof settings>): RetryLimits {
  const { retryLimit, retryBaseMs: baseMs, retryMaxMs: maxMs } = config;
  const { migrationLimit: maxMigrations, migrationMaxTokens: maxMigratedTokens } = config;
  return {
    ...DEFAULT_RETRY_LIMITS,
    maxAttempts: retryLimit + 1,
    maxMigrations,
    maxMigratedTokens,
    baseMs,
    maxMs,
  };
}
