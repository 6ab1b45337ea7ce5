/**
 * One way out for finished spans: a bounded queue in front of the SDK's batch processor, which does the sending.
 * What does not fit, and what the exporter refuses, is dropped and counted.
 */
import type { ReadableSpan, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Outlet } from "./whole-tree-processor.ts";

export interface SpanOutletOptions {
  readonly exporter: SpanExporter;
  /** Makes the SDK's batch processor around an exporter. */
  readonly batch: (exporter: SpanExporter) => SpanProcessor;
  /** Spans that may wait for the exporter; the batch processor's own limit must not be lower. */
  readonly maxQueueSize: number;
}

export class SpanOutlet implements Outlet {
  readonly maxQueueSize: number;
  readonly #batch: SpanProcessor;
  #queued = 0;
  #dropped = 0;

  constructor({ exporter, batch, maxQueueSize }: SpanOutletOptions) {
    this.#batch = batch(this.#counting(exporter));
    this.maxQueueSize = maxQueueSize;
  }

  /** Spans that did not fit into the queue, or that the exporter did not take. */
  get dropped(): number {
    return this.#dropped;
  }

  deliver(spans: readonly ReadableSpan[]): void {
    if (this.#queued + spans.length > this.maxQueueSize) {
      this.#dropped += spans.length;
      return;
    }
    this.#queued += spans.length;
    for (const span of spans) this.#batch.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batch.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batch.shutdown();
  }

  /** Between the batch processor and the exporter: what leaves the queue, and what is refused. */
  #counting(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) => {
        this.#queued -= spans.length;
        exporter.export(spans, (result) => {
          if (result.code !== 0) this.#dropped += spans.length;
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
    };
  }
}
