/**
 * Hands a process's part of a trace to the exporter as a whole, parents first, once its topmost span has ended.
 *
 *   W1  A span is handed on only after its parent in the same process: a process that dies leaves no orphan behind.
 *   W2  A part that does not fit into the queue is dropped as a whole, and counted: a full queue makes no orphan in it.
 *   W3  What ends after the topmost span is handed on at once: a leak is seen, and delays nothing.
 *   W4  At most `MAX_HELD` spans are held per part; a longer one is handed on as its spans end (W1 is lost for it).
 *
 * Queueing and sending are the business of the outlets; each gets every part.
 */
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace";

/** One way out for finished spans. */
export interface Outlet {
  /** Spans that may wait there. */
  readonly maxQueueSize: number;
  /** Takes all of the spans, or drops all of them. */
  deliver(spans: readonly ReadableSpan[]): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

const MAX_HELD = 2048;

/** One process's part of one trace. */
interface Part {
  readonly topId: string;
  /** In the order of their start, hence parents before children. */
  held: Span[];
  state: "holding" | "passing";
}

export class WholeTreeProcessor implements SpanProcessor {
  readonly #outlets: readonly Outlet[];
  /** The part of every span that is open, or whose part is still held; by span id. */
  readonly #parts = new Map<string, Part>();
  readonly #maxHeld: number;
  #abandoned = 0;

  constructor(outlets: readonly Outlet[]) {
    this.#outlets = outlets;
    this.#maxHeld = Math.min(MAX_HELD, ...outlets.map(({ maxQueueSize }) => maxQueueSize));
  }

  /** Spans that had ended when the process shut down, in parts that had not. */
  get abandoned(): number {
    return this.#abandoned;
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

  async forceFlush(): Promise<void> {
    await Promise.all(this.#outlets.map((outlet) => outlet.forceFlush()));
  }

  async shutdown(): Promise<void> {
    for (const part of new Set(this.#parts.values()))
      this.#abandoned += part.held.filter((span) => span.ended).length;
    this.#parts.clear();
    await Promise.all(this.#outlets.map((outlet) => outlet.shutdown()));
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
    for (const outlet of this.#outlets) outlet.deliver(spans);
  }
}
