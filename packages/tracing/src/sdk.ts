/**
 * Starts the OpenTelemetry SDK, which is loaded on demand: where spans have nowhere to go nothing is loaded, and nothing
 * is patched.
 *
 * The gRPC instrumentation patches `@grpc/grpc-js` while it is being imported. So `startTracing` must have resolved
 * before anything imports it, which is why a service's main imports its composition dynamically:
 *
 *     const tracing = await startTracing(options);
 *     const { compose } = await import("./compose.ts");
 */
import { hostname } from "node:os";
import { type Logger, systemClock } from "@baton/core";
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { CallContext } from "./call-context.ts";
import { CryptoIdGenerator } from "./crypto-id-generator.ts";
import { genAiNames } from "./gen-ai-names.ts";
import { grpcTracerProvider } from "./grpc-tracer.ts";
import type { TraceLevel } from "./level.ts";
import type { LogsExporter } from "./logger.ts";
import type { TraceModule } from "./module.ts";
import { nullRequestTracer } from "./null-request-tracer.ts";
import { OtelRequestTracer } from "./otel-request-tracer.ts";
import { createExporter, createLogExporter, type OtlpProtocol, otlpUrl } from "./otlp-exporter.ts";
import { NO_COUNTS, type TraceCounts, type TraceMisuse } from "./recorder.ts";
import { requestPropagator } from "./request-propagator.ts";
import { requestSampler, type SamplerName } from "./request-sampler.ts";
import type { RequestTracer, StageObserver } from "./request-trace.ts";
import { SpanOutlet } from "./span-outlet.ts";
import { SpanRecorder } from "./span-recorder.ts";
import { NearOutlet, type SpanSink, sinkExporter } from "./span-sink.ts";
import { threadIdentity } from "./thread-identity.ts";
import { throttledDiagLogger } from "./throttled-diag-logger.ts";
import { type Outlet, WholeTreeProcessor } from "./whole-tree-processor.ts";

export interface TracingOptions {
  /** `service.name`. */
  readonly serviceName: string;
  /** `service.instance.id`: the worker's id, or the router's. */
  readonly instanceId: string;
  /** `service.version`. */
  readonly version: string;
  /** Who this process is in a trace: "Router", or what `workerLabel` says; the service's name unless given. */
  readonly threadLabel?: string;
  /** Level of requests at the start: see `RequestTracer.level`. */
  readonly level: TraceLevel;
  /** What is traced; `request` unless given. */
  readonly modules?: readonly TraceModule[];
  /** Which traces are recorded, where nobody upstream has decided it; all unless given. */
  readonly sampler?: { readonly name: SamplerName; readonly ratio?: number | undefined };
  /** Values of `OTEL_SEMCONV_STABILITY_OPT_IN`: `rpc/dup` also writes gRPC's old names, `gen_ai_latest_experimental` leaves the old `gen_ai` ones out. */
  readonly semconvOptIn?: readonly string[];
  /** URL of the collector; undefined sends nothing to one. Over HTTP, `/v1/traces` is added unless it is there. */
  readonly endpoint: string | undefined;
  readonly protocol: OtlpProtocol;
  /** `otlp` sends log lines to the collector, too; none unless given. */
  readonly logsExporter?: LogsExporter;
  /** Gets every span as well, with a collector or without one. */
  readonly alsoTo?: SpanSink | undefined;
  /** Told of every stage that ends, whether or not it is traced. */
  readonly observer?: StageObserver;
  /** Told of trouble with the collector, at most once a minute. */
  readonly logger: Logger;
  /** Ms between two exports of what is waiting; 500. */
  readonly scheduleDelayMs?: number;
  /** Spans in one export; 64. */
  readonly maxExportBatchSize?: number;
  /** Spans that may wait; more are dropped and counted; 8192. */
  readonly maxQueueSize?: number;
  /** Ms that a shutdown may take to send what is waiting; 2000. */
  readonly shutdownTimeoutMs?: number;
}

/** What became of the traces of this process. */
export interface TracingCounts extends TraceCounts {
  /** Spans that ended and never reached the collector: queue full, collector unreachable, or not to be encoded. */
  readonly dropped: number;
}

export interface Tracing {
  readonly tracer: RequestTracer;
  counts(): TracingCounts;
  /** Sends what is waiting, within the time limit. Never rejects. */
  shutdown(): Promise<void>;
}

/** Calls that are no part of a request: health, registration, control, feeds, reflection, export. The instrumentation compares method names. */
const UNTRACED_METHODS = [
  ...["Check", "Watch", "List", "Attach", "GetStatus", "FlushCache", "Follow", "Export"],
  "ServerReflectionInfo",
];

/** Of spans for a sink in another process of the cluster: ms between two hand-overs, and spans in one. */
const SINK_BATCH = { scheduledDelayMillis: 100, maxExportBatchSize: 512 };
const DEFAULT_QUEUE_SIZE = 8192;

const ALL = { name: "parentbased_always_on" } as const;
const MISUSE_INTERVAL_MS = 60_000;

/** Starts tracing; must resolve before anything imports `@grpc/grpc-js`. Throws `invalid_argument` for a bad endpoint. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { endpoint, alsoTo } = options;
  if (endpoint === undefined && alsoTo === undefined) return startWithoutSpans(options);
  return startSdk(options);
}

/** Without spans a stage is still timed for its observer; without an observer there is nothing to do at all. */
function startWithoutSpans(options: TracingOptions): Tracing {
  const { observer } = options;
  if (!observer)
    return { tracer: nullRequestTracer, counts: () => ({ ...NO_COUNTS, dropped: 0 }), async shutdown() {} };
  const tracer = new OtelRequestTracer({
    tracer: undefined,
    level: 0,
    thread: identityOf(options),
    observer,
  });
  return { tracer, counts: () => ({ ...tracer.counts, dropped: 0 }), async shutdown() {} };
}

async function startSdk(options: TracingOptions): Promise<Tracing> {
  const grpcInstrumentation = await instrumentGrpc();
  const [{ NodeSDK }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/sdk-node"),
    import("@opentelemetry/resources"),
  ]);
  diag.setLogger(throttledDiagLogger(options.logger), {
    logLevel: DiagLogLevel.ERROR,
    suppressOverrideMessage: true,
  });
  const collector = await collectorOutlet(options);
  const sink = await sinkOutlet(options);
  const processor = new WholeTreeProcessor([collector, sink].filter((outlet) => outlet !== undefined));
  const ids = new CryptoIdGenerator();
  const resource = resourceFromAttributes(resourceAttributes(options));
  const sampler = requestSampler(await configuredSampler(options.sampler));
  const spans = new SpanRecorder({ ids, sampler, processor, resource, now: () => systemClock.now() });
  // The SDK is there for logs and the ends of processors; spans and context are ours.
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource,
    contextManager: new CallContext(),
    textMapPropagator: requestPropagator,
    spanProcessors: [processor],
    logRecordProcessors: await logProcessors(options),
    metricReaders: [],
    instrumentations: [grpcInstrumentation],
  });
  sdk.start();
  const tracer = new OtelRequestTracer({
    tracer: spans.getTracer("baton", options.version),
    ids,
    level: options.level,
    ...(options.modules && { modules: new Set(options.modules) }),
    thread: identityOf(options),
    names: genAiNames(options.semconvOptIn),
    observer: options.observer,
    onMisuse: misuseReporter(options.logger),
  });
  grpcInstrumentation.setTracerProvider(
    grpcTracerProvider(spans, {
      clock: systemClock,
      defaultLevel: () => tracer.level,
      oldNames: options.semconvOptIn?.includes("rpc/dup") ?? false,
      onLostContext: (method) => tracer.lostContext(method),
    }),
  );
  return {
    tracer,
    counts: () => ({
      ...tracer.counts,
      dropped: (collector ? collector.dropped + processor.abandoned : 0) + droppedNear(sink),
    }),
    shutdown: () => within(options.shutdownTimeoutMs ?? 2000, sdk.shutdown()),
  };
}

function identityOf({ threadLabel, serviceName, instanceId }: TracingOptions) {
  return threadIdentity(threadLabel ?? serviceName, instanceId);
}

async function configuredSampler({ name, ratio = 1 }: NonNullable<TracingOptions["sampler"]> = ALL) {
  const sdk = await import("@opentelemetry/sdk-trace");
  const root = name.endsWith("traceidratio")
    ? new sdk.TraceIdRatioBasedSampler(ratio)
    : name.endsWith("always_off")
      ? new sdk.AlwaysOffSampler()
      : new sdk.AlwaysOnSampler();
  return name.startsWith("parentbased_") ? new sdk.ParentBasedSampler({ root }) : root;
}

/** A defect may repeat with every request: each kind is reported once a minute. */
function misuseReporter(logger: Logger): (kind: TraceMisuse, stage: string) => void {
  const quietUntil = new Map<TraceMisuse, number>();
  return (kind, stage) => {
    const now = systemClock.now();
    if (now < (quietUntil.get(kind) ?? 0)) return;
    quietUntil.set(kind, now + MISUSE_INTERVAL_MS);
    logger.warn({ kind, stage }, "A trace was used wrongly");
  };
}

async function instrumentGrpc() {
  const { register } = await import("import-in-the-middle/register-hooks.mjs");
  register({ include: ["@grpc/grpc-js"] });
  const { GrpcInstrumentation } = await import("@opentelemetry/instrumentation-grpc");
  return new GrpcInstrumentation({ ignoreGrpcMethods: UNTRACED_METHODS });
}

async function collectorOutlet(options: TracingOptions): Promise<SpanOutlet | undefined> {
  const { endpoint, protocol } = options;
  if (endpoint === undefined) return undefined;
  const { BatchSpanProcessor } = await import("@opentelemetry/sdk-trace");
  const { scheduleDelayMs = 500, maxExportBatchSize = 64, maxQueueSize = DEFAULT_QUEUE_SIZE } = options;
  // A shutdown sends all batches at once; the exporter's own limit of 30 would refuse the rest.
  const concurrencyLimit = Math.ceil(maxQueueSize / maxExportBatchSize) + 1;
  const limits = { maxExportBatchSize, maxQueueSize, scheduledDelayMillis: scheduleDelayMs };
  return new SpanOutlet({
    exporter: await createExporter(protocol, { url: otlpUrl(endpoint, protocol), concurrencyLimit }),
    batch: (exporter) => new BatchSpanProcessor({ exporter, ...limits }),
    maxQueueSize,
  });
}

/** Bounded by the SDK's own limits: 2048 lines may wait, more are dropped; stdout has them all. */
async function logProcessors({ endpoint, protocol, logsExporter }: TracingOptions) {
  if (endpoint === undefined || logsExporter !== "otlp") return [];
  const { BatchLogRecordProcessor } = await import("@opentelemetry/sdk-logs");
  const exporter = await createLogExporter(protocol, { url: otlpUrl(endpoint, protocol, "logs") });
  return [new BatchLogRecordProcessor({ exporter })];
}

async function sinkOutlet(options: TracingOptions): Promise<Outlet | undefined> {
  const { alsoTo, maxQueueSize = DEFAULT_QUEUE_SIZE } = options;
  if (alsoTo === undefined) return undefined;
  if (alsoTo.near) return new NearOutlet(alsoTo);
  const { BatchSpanProcessor } = await import("@opentelemetry/sdk-trace");
  return new SpanOutlet({
    exporter: sinkExporter(alsoTo),
    batch: (exporter) => new BatchSpanProcessor({ exporter, maxQueueSize, ...SINK_BATCH }),
    maxQueueSize,
  });
}

function droppedNear(sink: Outlet | undefined): number {
  return sink instanceof NearOutlet ? sink.dropped : 0;
}

function resourceAttributes({ serviceName, instanceId, version }: TracingOptions) {
  return {
    "service.name": serviceName,
    "service.instance.id": instanceId,
    "service.version": version,
    "host.name": hostname(),
    "process.pid": process.pid,
  };
}

async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  const timeUp = Promise.withResolvers<void>();
  const timer = setTimeout(timeUp.resolve, limitMs);
  await Promise.race([work.catch(() => {}), timeUp.promise]);
  clearTimeout(timer);
}
