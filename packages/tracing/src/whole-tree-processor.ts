/**
 * Hands a process's part of a trace to the exporter as a whole, parents first, once its topmost span has ended.
 *
 *   W1  A span is handed on only after its parent in the same process: a process that dies leaves no orphan behind.
 *   W2  A part that does not fit into the queue is dropped as a whole, and counted: a full queue makes no orphan in it.
 *   W3  What ends after the topmost span is handed on at once: a leak is seen, and delays nothing.
 *   W4  At most `MAX_HELD` spans are held per part; a longer one is handed on as its spans end (W1 is lost for it).
 *
 * The SDK's own batch processor does the queueing and the sending.
 */
import type { ReadableSpan, Span, SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";

const MAX_HELD = 2048;

/** One process's part of one trace. */
interface Part {
  readonly topId: string;
  /** In the order of their start, hence parents before children. */
  held: Span[];
  state: "holding" | "passing";
}

export interface WholeTreeProcessorOptions {
  readonly exporter: SpanExporter;
  /** Makes the SDK's batch processor around an exporter. */
  readonly batch: (exporter: SpanExporter) => SpanProcessor;
  /** Spans that may wait for the exporter; the batch processor's own limit must not be lower. */
  readonly maxQueueSize: number;
}

export class WholeTreeProcessor implements SpanProcessor {
  readonly #batch: SpanProcessor;
  readonly #maxQueueSize: number;
  /** The part of every span that is open, or whose part is still held; by span id. */
  readonly #parts = new Map<string, Part>();
  readonly #maxHeld: number;
  #queued = 0;
  #dropped = 0;

  constructor({ exporter, batch, maxQueueSize }: WholeTreeProcessorOptions) {
    this.#batch = batch(this.#counting(exporter));
    this.#maxQueueSize = maxQueueSize;
    this.#maxHeld = Math.min(MAX_HELD, maxQueueSize);
  }

  /** Spans that ended and will never be seen: the queue was full, or the collector took them not. */
  get dropped(): number {
    return this.#dropped;
  }

  onStart(span: Span): void {
    const id = span.spanContext().spanId;
    const part = this.#partOfParent(span) ?? { topId: id, held: [], state: "holding" };
    this.#parts.set(id, part);
    if (part.state === "holding") part.held.push(span);
    if (part.held.length > this.#maxHeld) this.#release(part);
  }

  onEnd(span: ReadableSpan): void {
    const id = span.spanContext().spanId;
    const part = this.#parts.get(id);
    if (!part) return;
    if (part.state === "passing") {
      this.#parts.delete(id);
      this.#deliver([span]);
    } else if (id === part.topId) this.#release(part);
  }

  forceFlush(): Promise<void> {
    return this.#batch.forceFlush();
  }

  shutdown(): Promise<void> {
    for (const part of new Set(this.#parts.values()))
      this.#dropped += part.held.filter((span) => span.ended).length;
    this.#parts.clear();
    return this.#batch.shutdown();
  }

  #partOfParent({ parentSpanContext: parent }: Span): Part | undefined {
    return parent && !parent.isRemote ? this.#parts.get(parent.spanId) : undefined;
  }

  #release(part: Part): void {
    const ended = part.held.filter((span) => span.ended);
    for (const span of ended) this.#parts.delete(span.spanContext().spanId);
    part.state = "passing";
    part.held = [];
    this.#deliver(ended);
  }

  #deliver(spans: readonly ReadableSpan[]): void {
    if (this.#queued + spans.length > this.#maxQueueSize) {
      this.#dropped += spans.length;
      return;
    }
    this.#queued += spans.length;
    for (const span of spans) this.#batch.onEnd(span);
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
