/** From the settings that every program shares to the options of `startTracing`. */
import type { TraceLevel } from "./level.ts";
import type { LogsExporter } from "./logger.ts";
import type { TraceModule } from "./module.ts";
import type { OtlpProtocol } from "./otlp-exporter.ts";
import type { SamplerName } from "./request-sampler.ts";
import type { TracingOptions } from "./sdk.ts";

/** The shared tracing settings, as the config package compiles them. */
export interface TracingConfig {
  readonly traceLevel: TraceLevel;
  readonly traceModules: readonly TraceModule[];
  readonly tracesSampler: SamplerName;
  readonly tracesSamplerArg: number;
  /** Comma-separated. */
  readonly semconvOptIn: string | undefined;
  readonly otlpEndpoint: string | undefined;
  readonly otlpProtocol: OtlpProtocol;
  readonly logsExporter: LogsExporter;
  readonly otlpScheduleDelayMs: number;
  readonly otlpMaxExportBatchSize: number;
}

/** All but who the process is, and where else its spans go. */
export function tracingOptions(config: TracingConfig) {
  return {
    level: config.traceLevel,
    modules: config.traceModules,
    sampler: { name: config.tracesSampler, ratio: config.tracesSamplerArg },
    semconvOptIn: splitOptIn(config.semconvOptIn),
    endpoint: config.otlpEndpoint,
    protocol: config.otlpProtocol,
    logsExporter: config.logsExporter,
    scheduleDelayMs: config.otlpScheduleDelayMs,
    maxExportBatchSize: config.otlpMaxExportBatchSize,
  } satisfies Partial<TracingOptions>;
}

function splitOptIn(text = ""): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
