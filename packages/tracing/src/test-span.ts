/** One span sent to a collector, to see whether it takes any: with the exporter, headers and TLS that tracing uses. */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { createExporter, type OtlpProtocol, otlpUrl } from "./otlp-exporter.ts";

export interface TestSpanOptions {
  readonly endpoint: string;
  readonly protocol: OtlpProtocol;
  /** Ms until the collector counts as silent. */
  readonly timeoutMs: number;
}

/** Resolves once the collector has taken a span named "baton doctor". @throws Error with what it, or the network, said */
export async function sendTestSpan({ endpoint, protocol, timeoutMs }: TestSpanOptions): Promise<void> {
  const url = otlpUrl(endpoint, protocol);
  const exporter = await createExporter(protocol, { url, timeoutMillis: timeoutMs });
  const span = await testSpan();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  exporter.export([span], ({ code, error }) => {
    if (code === 0) resolve();
    else reject(error ?? new Error("the collector refused it"));
  });
  await promise.finally(() => exporter.shutdown());
}

async function testSpan(): Promise<ReadableSpan> {
  const [{ TracerProvider }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/resources"),
  ]);
  const { promise, resolve } = Promise.withResolvers<ReadableSpan>();
  const keep: SpanProcessor = {
    onStart() {},
    onEnd: resolve,
    async forceFlush() {},
    async shutdown() {},
  };
  const resource = resourceFromAttributes({ "service.name": "baton-doctor" });
  const provider = new TracerProvider({ resource, spanProcessors: [keep] });
  provider.getTracer("baton").startSpan("baton doctor").end();
  return promise;
}
