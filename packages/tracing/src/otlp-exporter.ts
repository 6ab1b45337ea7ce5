/** How spans and log lines are sent to a collector. Headers, TLS and time limit follow the standard `OTEL_*` variables. */
import { BatonError } from "@baton/core";
import type { LogRecordExporter } from "@opentelemetry/sdk-logs";
import type { SpanExporter } from "@opentelemetry/sdk-trace";

export type OtlpProtocol = "grpc" | "http/protobuf";

export interface OtlpExporterOptions {
  /** As `otlpUrl` makes it. */
  readonly url: string;
  /** Batches that may be on their way at once; the SDK's own limit unless given. */
  readonly concurrencyLimit?: number;
  /** Ms that one batch may take; the variables', or the SDK's own limit, unless given. */
  readonly timeoutMillis?: number;
}

/** Path of each signal over HTTP. */
const PATHS = { traces: "/v1/traces", logs: "/v1/logs" } as const;

/** Loads the exporter of the protocol, and nothing of the other. */
export async function createExporter(
  protocol: OtlpProtocol,
  options: OtlpExporterOptions,
): Promise<SpanExporter> {
  const { OTLPTraceExporter } =
    protocol === "grpc"
      ? await import("@opentelemetry/exporter-trace-otlp-grpc")
      : await import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter(options);
}

/** The same for log lines. */
export async function createLogExporter(
  protocol: OtlpProtocol,
  options: OtlpExporterOptions,
): Promise<LogRecordExporter> {
  const { OTLPLogExporter } =
    protocol === "grpc"
      ? await import("@opentelemetry/exporter-logs-otlp-grpc")
      : await import("@opentelemetry/exporter-logs-otlp-proto");
  return new OTLPLogExporter(options);
}

/**
 * The URL that an exporter is to use: a bare `host:port` is plain http, and over HTTP the path of the signal is added, in
 * place of that of traces if need be.
 */
export function otlpUrl(
  endpoint: string,
  protocol: OtlpProtocol,
  signal: keyof typeof PATHS = "traces",
): string {
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
  url.pathname = (path.endsWith(PATHS.traces) ? path.slice(0, -PATHS.traces.length) : path) + PATHS[signal];
  return url.href;
}
