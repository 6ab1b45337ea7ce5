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

const SUCCESS = { code: 0 };
const FAILURE = { code: 1 };

/** An exporter that fails with spans that cannot be encoded, and with nothing else. */
export function sinkExporter(sink: SpanSink): SpanExporter {
  return {
    export(spans, done) {
      const finish = () => done(SUCCESS);
      const request = encoded(spans);
      if (request) sink.take(request).then(finish, finish);
      else done(FAILURE);
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
  #dropped = 0;

  constructor(sink: SpanSink) {
    this.#sink = sink;
  }

  /** Spans that could not be encoded, or were with one that could not. */
  get dropped(): number {
    return this.#dropped;
  }

  deliver(spans: readonly ReadableSpan[]): void {
    const request = encoded(spans);
    if (request) this.#sink.take(request).catch(() => {});
    else this.#dropped += spans.length;
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

/** The end of a span is in the middle of a request, which must not fail for it. */
function encoded(spans: readonly ReadableSpan[]): Buffer | undefined {
  try {
    return encodeSpans(spans);
  } catch {
    return undefined;
  }
}
