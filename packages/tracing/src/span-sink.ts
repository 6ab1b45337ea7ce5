/** Hands finished spans to code of ours, with a collector or without one. */
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { encodeSpans } from "./encode-spans.ts";
import type { Outlet } from "./whole-tree-processor.ts";

/** Takes spans. It may lose some, and says nothing of it: whoever wants to know what was lost asks the sink. */
export interface SpanSink {
  /** An OTLP `ExportTraceServiceRequest`, encoded as protobuf. A rejection is ignored. */
  take(request: Uint8Array): Promise<void>;
  /** In this process: it gets every part by itself, as soon as it is there. Another gets many at once. */
  readonly near: boolean;
}

/** An exporter that always succeeds. */
export function sinkExporter(sink: SpanSink): SpanExporter {
  return {
    export(spans, done) {
      const finish = () => done({ code: 0 });
      sink.take(encodeSpans(spans)).then(finish, finish);
    },
    async shutdown() {},
  };
}

/**
 * The way out to a sink that is near. Nothing waits: spans of a hundred requests, encoded at once, would hold up all
 * others for milliseconds.
 */
export class NearOutlet implements Outlet {
  readonly maxQueueSize = Number.POSITIVE_INFINITY;
  readonly #sink: SpanSink;

  constructor(sink: SpanSink) {
    this.#sink = sink;
  }

  deliver(spans: readonly ReadableSpan[]): void {
    this.#sink.take(encodeSpans(spans)).catch(() => {});
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
