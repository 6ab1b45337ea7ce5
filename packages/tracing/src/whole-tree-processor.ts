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
import { type Context, trace as traceApi } from "@opentelemetry/api";
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
  /** Its topmost span, until it is handed on. */
  top: Span | undefined;
  /** In the order of their start, hence parents before children. */
  held: Span[];
  state: "holding" | "passing";
}

/** A span knows its part, so that nobody has to keep a list of all that are open. */
interface Placed {
  part?: unknown;
}

export class WholeTreeProcessor implements SpanProcessor {
  readonly #outlets: readonly Outlet[];
  readonly #maxHeld: number;
  /** Spans that have ended and are held. */
  #waiting = 0;
  #abandoned = 0;
  #closed = false;

  constructor(outlets: readonly Outlet[]) {
    this.#outlets = outlets;
    this.#maxHeld = Math.min(MAX_HELD, ...outlets.map(({ maxQueueSize }) => maxQueueSize));
  }

  /** Spans that had ended when the process shut down, in parts that had not. */
  get abandoned(): number {
    return this.#abandoned;
  }

  onStart(span: Span, parentContext: Context): void {
    const parent = traceApi.getSpan(parentContext);
    const part = (parent && partOf(parent)) ?? { top: span, held: [], state: "holding" };
    (span as Placed).part = part;
    if (part.state === "holding") part.held.push(span);
    if (part.held.length > this.#maxHeld) this.#release(part);
  }

  onEnd(span: ReadableSpan): void {
    const part = partOf(span);
    if (!part || this.#closed) return;
    if (part.state === "passing") {
      this.#deliver([span]);
      return;
    }
    this.#waiting += 1;
    if (span === part.top) this.#release(part);
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.#outlets.map((outlet) => outlet.forceFlush()));
  }

  async shutdown(): Promise<void> {
    this.#closed = true;
    this.#abandoned += this.#waiting;
    this.#waiting = 0;
    await Promise.all(this.#outlets.map((outlet) => outlet.shutdown()));
  }

  #release(part: Part): void {
    const ended = part.held.filter((span) => span.ended);
    this.#waiting -= ended.length;
    part.state = "passing";
    part.top = undefined;
    part.held = [];
    this.#deliver(ended);
  }

  #deliver(spans: readonly ReadableSpan[]): void {
    for (const outlet of this.#outlets) outlet.deliver(spans);
  }
}

function partOf(span: object): Part | undefined {
  return (span as Placed).part as Part | undefined;
}
