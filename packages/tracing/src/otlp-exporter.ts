/** How spans are sent to a collector. Headers, TLS and time limit follow the standard `OTEL_*` variables. */
import { BatonError } from "@baton/core";
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

const TRACES_PATH = "/v1/traces";

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
