/**
 * Starts the OpenTelemetry SDK. This is the only file that loads it, and it does so on demand: with tracing off
 * nothing is loaded, and nothing is patched.
 *
 * The gRPC instrumentation patches `@grpc/grpc-js` while it is being imported. So `startTracing` must have resolved
 * before anything imports it, which is why a service's main imports its composition dynamically:
 *
 *     const tracing = await startTracing(options);
 *     const { compose } = await import("./compose.ts");
 *
 * Sampler, exporter headers, TLS and time limit follow the standard `OTEL_*` variables; the SDK reads those itself.
 */
import { hostname } from "node:os";
import { BatonError, type Logger, systemClock } from "@baton/core";
import { DiagLogLevel, diag, trace } from "@opentelemetry/api";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { CryptoIdGenerator } from "./crypto-id-generator.ts";
import type { TraceLevel } from "./level.ts";
import { nullRequestTracer } from "./null-request-tracer.ts";
import { oneClockProvider } from "./one-clock-tracer.ts";
import { OtelRequestTracer, type TraceCounts } from "./otel-request-tracer.ts";
import type { RequestTracer } from "./request-trace.ts";
import { throttledDiagLogger } from "./throttled-diag-logger.ts";
import { WholeTreeProcessor } from "./whole-tree-processor.ts";

export type OtlpProtocol = "grpc" | "http/protobuf";

export interface TracingOptions {
  /** `service.name`. */
  readonly serviceName: string;
  /** `service.instance.id`: the worker's id, or the router's. */
  readonly instanceId: string;
  /** `service.version`. */
  readonly version: string;
  readonly level: TraceLevel;
  /** URL of the collector; undefined records nothing. Over HTTP, `/v1/traces` is added unless it is there. */
  readonly endpoint: string | undefined;
  readonly protocol: OtlpProtocol;
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
  /** Spans that ended and were never delivered: queue full, or collector unreachable. */
  readonly dropped: number;
}

export interface Tracing {
  readonly tracer: RequestTracer;
  counts(): TracingCounts;
  /** Sends what is waiting, within the time limit. Never rejects. */
  shutdown(): Promise<void>;
}

/** Calls that are no part of a request: health, registration, status, reflection. The instrumentation compares method names. */
const UNTRACED_METHODS = ["Check", "Watch", "List", "Attach", "GetStatus", "ServerReflectionInfo"];

const TRACES_PATH = "/v1/traces";

/** Starts tracing; must resolve before anything imports `@grpc/grpc-js`. Throws `invalid_argument` for a bad endpoint. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { level, endpoint } = options;
  if (level === 0 || endpoint === undefined)
    return { tracer: nullRequestTracer, counts: noCounts, async shutdown() {} };
  return startSdk({ ...options, endpoint: otlpUrl(endpoint, options.protocol) });
}

async function startSdk(options: TracingOptions & { readonly endpoint: string }): Promise<Tracing> {
  const grpcInstrumentation = await instrumentGrpc();
  const [{ NodeSDK }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/sdk-node"),
    import("@opentelemetry/resources"),
  ]);
  diag.setLogger(throttledDiagLogger(options.logger), {
    logLevel: DiagLogLevel.ERROR,
    suppressOverrideMessage: true,
  });
  const processor = await createProcessor(options);
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: resourceFromAttributes(resourceAttributes(options)),
    idGenerator: new CryptoIdGenerator(),
    spanProcessors: [processor],
    logRecordProcessors: [],
    metricReaders: [],
    instrumentations: [grpcInstrumentation],
  });
  sdk.start();
  grpcInstrumentation.setTracerProvider(oneClockProvider(trace.getTracerProvider(), systemClock));
  const tracer = new OtelRequestTracer({
    tracer: trace.getTracer("baton", options.version),
    level: options.level,
  });
  return {
    tracer,
    counts: () => ({ ...tracer.counts, dropped: processor.dropped }),
    shutdown: () => within(options.shutdownTimeoutMs ?? 2000, sdk.shutdown()),
  };
}

async function instrumentGrpc() {
  const { register } = await import("import-in-the-middle/register-hooks.mjs");
  register({ include: ["@grpc/grpc-js"] });
  const { GrpcInstrumentation } = await import("@opentelemetry/instrumentation-grpc");
  return new GrpcInstrumentation({ ignoreGrpcMethods: UNTRACED_METHODS });
}

async function createProcessor(
  options: TracingOptions & { readonly endpoint: string },
): Promise<WholeTreeProcessor> {
  const { BatchSpanProcessor } = await import("@opentelemetry/sdk-trace");
  const { scheduleDelayMs = 500, maxExportBatchSize = 64, maxQueueSize = 8192 } = options;
  // A shutdown sends all batches at once; the exporter's own limit of 30 would refuse the rest.
  const concurrencyLimit = Math.ceil(maxQueueSize / maxExportBatchSize) + 1;
  const limits = { maxExportBatchSize, maxQueueSize, scheduledDelayMillis: scheduleDelayMs };
  return new WholeTreeProcessor({
    exporter: await createExporter(options.protocol, { url: options.endpoint, concurrencyLimit }),
    batch: (exporter) => new BatchSpanProcessor({ exporter, ...limits }),
    maxQueueSize,
  });
}

async function createExporter(
  protocol: OtlpProtocol,
  config: { readonly url: string; readonly concurrencyLimit: number },
): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === "grpc"
      ? await import("@opentelemetry/exporter-trace-otlp-grpc")
      : await import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter(config);
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

/** The URL that the exporter is to use: a bare `host:port` is plain http, and over HTTP the path of the signal is added. */
export function otlpUrl(endpoint: string, protocol: OtlpProtocol): string {
  const text = endpoint.includes("://") ? endpoint : `http://${endpoint}`;
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new BatonError(
      "invalid_argument",
      `Cannot export traces to "${endpoint}": expected an http or https URL`,
    );
  }
  const url = new URL(text);
  if (protocol === "grpc") return url.href;
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith(TRACES_PATH) ? path : path + TRACES_PATH;
  return url.href;
}

function noCounts(): TracingCounts {
  return { open: 0, unclosed: 0, doubleEnds: 0, lateStarts: 0, dropped: 0 };
}

async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  const timeUp = Promise.withResolvers<void>();
  const timer = setTimeout(timeUp.resolve, limitMs);
  await Promise.race([work.catch(() => {}), timeUp.promise]);
  clearTimeout(timer);
}
