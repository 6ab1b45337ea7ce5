/**
 * The nodes of a request's tree on the OpenTelemetry API (T1-T4 are in request-trace.ts). Every span is started from a
 * context that is built from its parent in hand; nothing is looked up in ambient context.
 *
 * A stage above the request's level, and every stage of an unsampled request, has no span of its own: it borrows its
 * parent's anchor, so that what is started below it hangs on the nearest recorded ancestor.
 *
 *   N1  A first-level slice, which is a recorded child of a thread span, links to the one before it, in whichever
 *       process that was. Nested slices get no such link.
 *   N2  Of leaves that are recorded at once (`record`), a process keeps so many per request, and counts the rest: the
 *       memory that a trace takes is bounded, however long the answer.
 */
import type { BatonError, ExternalTraceHeader } from "@baton/core";
import {
  type Context,
  context as contextApi,
  type Link,
  type Attributes as OtelAttributes,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace as traceApi,
} from "@opentelemetry/api";
import { type CarriedState, formatHeader, formatTraceparent, parseHeader } from "./carrier.ts";
import { eventLevel, stageLevel, type TraceLevel } from "./level.ts";
import { ATTR, EVENT, LINK } from "./names.ts";
import type { Recorder } from "./recorder.ts";
import { withRequest } from "./request-context.ts";
import type { Attributes, Stage, StageOptions, TraceLink } from "./request-trace.ts";
import { spanIdOf } from "./span-key.ts";

/** Leaves that one process records of one request (N2). */
const MAX_LEAVES = 1024;

/** Where children hang: a span of ours, or one of another process. */
class Anchor {
  readonly span: Span;
  readonly spanContext: SpanContext;
  #context: Context | undefined;

  constructor(span: Span) {
    this.span = span;
    this.spanContext = span.spanContext();
  }

  get context(): Context {
    this.#context ??= traceApi.setSpan(ROOT_CONTEXT, this.span);
    return this.#context;
  }
}

/** One request in one process: what its nodes share. */
export class RequestPart {
  readonly recorder: Recorder;
  readonly level: TraceLevel;
  /** The latest first-level slice, of this process or another. */
  previous: SpanContext | undefined;
  /** True once the place where a failure began is marked. */
  failed = false;
  #leaves = 0;
  #skipped = 0;

  constructor(recorder: Recorder, level: TraceLevel, previous?: SpanContext) {
    this.recorder = recorder;
    this.level = level;
    this.previous = previous;
  }

  /** Leaves that were left out. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Takes a place for one more leaf, if there is one left (N2). */
  takeLeaf(): boolean {
    if (this.#leaves < MAX_LEAVES) {
      this.#leaves += 1;
      return true;
    }
    this.#skipped += 1;
    this.recorder.counts.skipped += 1;
    return false;
  }
}

/** What a node is in its tree. */
type Place = "top" | "thread" | "slice" | "nested";
const PLACE_OF_CHILD: Readonly<Record<Place, Place>> = {
  top: "thread",
  thread: "slice",
  slice: "nested",
  nested: "nested",
};

export interface OtelStageStart {
  readonly name: string;
  readonly place: Place;
  /** Epoch ms. */
  readonly startTime: number;
  /** Undefined for a stage that is not recorded. */
  readonly span: Span | undefined;
  /** What a node without a parent of its own hangs on, where it is not recorded itself. */
  readonly remote?: SpanContext | undefined;
  /** Undefined at the top of the process's part of the tree, and for a stage started too late. */
  readonly parent?: OtelStage;
}

export class OtelStage implements Stage {
  readonly #part: RequestPart;
  readonly #name: string;
  readonly #place: Place;
  readonly #parent: OtelStage | undefined;
  readonly #span: Span | undefined;
  readonly #anchor: Anchor | undefined;
  /** The first-level slice that this is, or is inside of. */
  readonly #slice: SpanContext | undefined;
  readonly #startTime: number;
  readonly #openChildren = new Set<OtelStage>();
  /** The latest end among the children, epoch ms: this node does not end before it (T3). */
  #latestChildEnd = 0;
  #ended = false;

  constructor(part: RequestPart, { name, place, startTime, span, remote, parent }: OtelStageStart) {
    this.#part = part;
    this.#name = name;
    this.#place = place;
    this.#parent = parent;
    this.#span = span;
    const remoteSpan = remote && traceApi.wrapSpanContext(remote);
    const own = span ?? remoteSpan;
    this.#anchor = own ? new Anchor(own) : parent ? parent.#anchor : undefined;
    this.#slice = place === "slice" ? span?.spanContext() : parent ? parent.#slice : undefined;
    this.#startTime = startTime;
    if (parent) parent.#openChildren.add(this);
    part.recorder.counts.open += 1;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get recording(): boolean {
    return this.#span !== undefined && !this.#ended;
  }

  wants(name: string): boolean {
    return !this.#ended && this.#records(stageLevel(name));
  }

  get header(): ExternalTraceHeader | undefined {
    return this.#anchor && this.#headerOf(this.#anchor.spanContext);
  }

  stage(name: string, options: StageOptions = {}): Stage {
    return this.child(name, options);
  }

  /** `stage`, for callers that need more of it. */
  child(name: string, options: StageOptions = {}, level: TraceLevel = stageLevel(name)): OtelStage {
    const place = PLACE_OF_CHILD[this.#place];
    const startTime = this.#startOfChild(options.startTime);
    if (this.#ended) {
      this.#misuse("lateStarts", name);
      return new OtelStage(this.#part, {
        name,
        place,
        startTime,
        span: undefined,
        remote: this.#anchor?.spanContext,
      });
    }
    const span = this.#records(level) ? this.#startChild(name, place, startTime, options) : undefined;
    return new OtelStage(this.#part, { name, place, startTime, span, parent: this });
  }

  record(
    name: string,
    startTime: number,
    endTime: number,
    options: Omit<StageOptions, "startTime"> = {},
  ): void {
    if (this.#ended) {
      this.#misuse("lateStarts", name);
      return;
    }
    const start = this.#startOfChild(startTime);
    const end = Math.max(start, endTime);
    const recorded = this.#records(stageLevel(name)) && this.#part.takeLeaf();
    const span = recorded ? this.#startChild(name, PLACE_OF_CHILD[this.#place], start, options) : undefined;
    span?.end(end);
    this.#observe(name, end - start, span?.spanContext());
    this.#latestChildEnd = Math.max(this.#latestChildEnd, end);
  }

  setAttributes(attributes: Attributes): void {
    if (!this.#ended) this.#span?.setAttributes(attributes as OtelAttributes);
  }

  event(name: string, attributes: Attributes = {}): void {
    if (this.#ended || !this.#span || eventLevel(name) > this.#part.level) return;
    this.#span.addEvent(name, attributes as OtelAttributes, this.#part.recorder.clock.now());
  }

  run<T>(fn: () => T): T {
    const context = this.#anchor?.context ?? ROOT_CONTEXT;
    return contextApi.with(withRequest(context, this.#carried), fn);
  }

  end(attributes: Attributes = {}, endTime?: number): void {
    if (!this.#mayEnd()) return;
    this.#span?.setAttributes(attributes as OtelAttributes);
    this.#close(endTime);
  }

  fail(error: BatonError, endTime?: number): void {
    if (!this.#mayEnd()) return;
    if (error.code !== "canceled" && !this.#part.failed) {
      this.#part.failed = true;
      this.event(EVENT.error, { [ATTR.errorType]: error.code, [ATTR.errorMessage]: error.message });
    }
    this.#failWith(error, endTime);
  }

  #failWith(error: BatonError, endTime: number | undefined): void {
    for (const child of this.#openChildren) child.#failWith(error, endTime);
    this.#span?.setAttribute(ATTR.errorType, error.code);
    if (error.code !== "canceled")
      this.#span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    this.#close(endTime);
  }

  /** T2: a second end is counted and otherwise ignored. */
  #mayEnd(): boolean {
    if (this.#ended) this.#misuse("doubleEnds", this.#name);
    return !this.#ended;
  }

  #close(endTime = this.#part.recorder.clock.now()): void {
    for (const child of this.#openChildren) child.#closeForParent(endTime);
    const end = Math.max(this.#startTime, this.#latestChildEnd, endTime);
    this.#ended = true;
    this.#endSpan(end);
    this.#part.recorder.counts.open -= 1;
    this.#observe(this.#name, end - this.#startTime, this.#span?.spanContext());
    if (this.#parent) this.#parent.#childEnded(this, end);
  }

  #endSpan(end: number): void {
    if (!this.#span) return;
    if (this.#place === "thread" && this.#part.skipped > 0)
      this.#span.setAttribute(ATTR.skippedSpans, this.#part.skipped);
    this.#span.end(end);
  }

  /** T2: what is still open below a node that ends well is ended with it, and marked. */
  #closeForParent(endTime: number): void {
    this.#misuse("unclosed", this.#name);
    this.#span?.setAttribute(ATTR.unclosed, true);
    this.#close(endTime);
  }

  #childEnded(child: OtelStage, end: number): void {
    this.#openChildren.delete(child);
    this.#latestChildEnd = Math.max(this.#latestChildEnd, end);
  }

  #misuse(kind: "unclosed" | "doubleEnds" | "lateStarts", name: string): void {
    this.#part.recorder.counts[kind] += 1;
    this.#part.recorder.onMisuse?.(kind, name);
  }

  /** Roots and thread spans are no stages: the observer does not hear of them. */
  #observe(name: string, ms: number, span: SpanContext | undefined): void {
    const { observer } = this.#part.recorder;
    if (!observer || this.#place === "top" || (this.#place === "thread" && name === this.#name)) return;
    const context = span ?? this.#anchor?.spanContext;
    observer.stageEnded(name, ms / 1000, context && { traceparent: formatTraceparent(context) });
  }

  get #carried(): CarriedState {
    const sampled = this.#anchor && (this.#anchor.spanContext.traceFlags & TraceFlags.SAMPLED) !== 0;
    if (!sampled) return { level: 0 };
    return { level: this.#part.level, previous: (this.#slice ?? this.#part.previous)?.spanId };
  }

  #headerOf(spanContext: SpanContext): ExternalTraceHeader | undefined {
    const carried = this.#carried;
    return formatHeader(spanContext, carried.level === 0 ? undefined : carried);
  }

  /** T3: no child starts before its parent. */
  #startOfChild(startTime = this.#part.recorder.clock.now()): number {
    return Math.max(this.#startTime, startTime);
  }

  #records(level: TraceLevel): boolean {
    return level <= this.#part.level && this.#anchor?.span.isRecording() === true;
  }

  #startChild(name: string, place: Place, startTime: number, options: StageOptions): Span {
    const { tracer, ids } = this.#part.recorder;
    const anchor = this.#anchor!; // #records has seen it.
    const { traceId } = anchor.spanContext;
    const links = [
      ...(place === "slice" ? this.#linkToPrevious() : []),
      ...(options.links ?? []).flatMap((link) => otelLink(link, anchor.spanContext)),
    ];
    const attributes = (options.attributes ?? {}) as OtelAttributes;
    const start = () =>
      tracer.startSpan(name, { kind: SpanKind.INTERNAL, startTime, attributes, links }, anchor.context);
    const span = options.key === undefined ? start() : ids.with(spanIdOf(traceId, options.key), start);
    if (place === "slice") this.#part.previous = span.spanContext();
    return span;
  }

  /** N1 */
  #linkToPrevious(): Link[] {
    const { previous } = this.#part;
    return previous ? [{ context: previous, attributes: { [ATTR.link]: LINK.previous } }] : [];
  }
}

function otelLink(link: TraceLink, own: SpanContext): Link[] {
  const context =
    "key" in link
      ? { traceId: own.traceId, spanId: spanIdOf(own.traceId, link.key), traceFlags: own.traceFlags }
      : parseHeader(link.header)?.context;
  return context ? [{ context, attributes: (link.attributes ?? {}) as OtelAttributes }] : [];
}
