/** The decode worker as a process: settings, tracing, then everything else. */
import { configOrExit, version } from "@baton/config";
import { runService, valueOrExit } from "@baton/lifecycle";
import { createMetrics, readTracingCounts, stageMetrics } from "@baton/metrics";
import { readTlsIdentity } from "@baton/tls";
import { sinkToRouter } from "@baton/trace-store";
import { createLogger, startTracing, tracingOptions, workerLabel } from "@baton/tracing";
import { settings } from "./config.ts";

const config = configOrExit(settings);
const tls = valueOrExit(() => readTlsIdentity(config, Date.now()));
const logger = createLogger({ name: config.workerId, level: config.logLevel, exporter: config.logsExporter });
const metrics = createMetrics(config.role);
const tracing = await startTracing({
  serviceName: config.serviceName ?? "baton-decode-worker",
  instanceId: config.workerId,
  version: version(),
  threadLabel: workerLabel(config.role, config.workerId),
  ...tracingOptions(config),
  alsoTo: config.traceStore === 0 ? undefined : sinkToRouter(config.registryAddress, tls),
  logger,
  observer: stageMetrics(metrics),
});
readTracingCounts(metrics, tracing.counts);
// Loaded only now: it imports gRPC, which tracing must have patched before.
const { startDecodeWorker } = await import("./compose.ts");
await runService(() => startDecodeWorker(config, { tracer: tracing.tracer, metrics, logger, tls }), {
  logger,
  closeTimeoutMs: config.drainTimeoutMs + 3000, // After the drain, what is told to end gets a moment to do so.
  flush: tracing.shutdown,
});
