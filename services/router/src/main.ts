/** The router as a process: settings, tracing, then everything else. */
import { configOrExit, version } from "@baton/config";
import { runService, valueOrExit } from "@baton/lifecycle";
import { createMetrics, readTracingCounts, stageMetrics } from "@baton/metrics";
import { readTlsIdentity } from "@baton/tls";
import { sinkToStore, TraceStore } from "@baton/trace-store";
import { createLogger, startTracing, tracingOptions } from "@baton/tracing";
import { settings } from "./config.ts";
import { lightenAsyncBind } from "./light-async-bind.ts";

lightenAsyncBind();
const config = configOrExit(settings);
const tls = valueOrExit(() => readTlsIdentity(config, Date.now()));
const logger = createLogger({ name: "router", level: config.logLevel, exporter: config.logsExporter });
const traceStore = config.traceStore === 0 ? undefined : new TraceStore({ maxTraces: config.traceStore });
const metrics = createMetrics("router");
const tracing = await startTracing({
  serviceName: config.serviceName ?? "baton-router",
  instanceId: "router",
  version: version(),
  threadLabel: "Router",
  ...tracingOptions(config),
  alsoTo: traceStore && sinkToStore(traceStore),
  logger,
  observer: stageMetrics(metrics),
});
readTracingCounts(metrics, tracing.counts);
// Loaded only now: it imports gRPC, which tracing must have patched before.
const { startRouter } = await import("./compose.ts");
await runService(() => startRouter(config, { tracer: tracing.tracer, metrics, logger, tls, traceStore }), {
  logger,
  closeTimeoutMs: config.drainDelayMs + config.drainTimeoutMs + 3000, // After the drain, what is told to end gets a moment to do so.
  flush: tracing.shutdown,
});
