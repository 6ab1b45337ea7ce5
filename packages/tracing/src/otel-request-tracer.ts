/**
 * Request traces on the OpenTelemetry API (T1-T4 are in request-trace.ts).
 *
 * Every span is started from a context that is built from its parent in hand. The ambient context is read in one
 * place, `continueRequest`, which must find the gRPC server span that the instrumentation has just made active.
 *
 * A stage above the request's level, and every stage of an unsampled request, has no span of its own: it borrows its
 * parent's context, so that what is started below it hangs on the nearest recorded ancestor.
 */
import { type BatonError, type Clock, type ExternalTraceHeader, systemClock } from "@baton/core";
import {
  type Context,
  context as contextApi,
  isSpanContextValid,
  type Link,
  type Attributes as OtelAttributes,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace as traceApi,
} from "@opentelemetry/api";
import { formatHeader, parseHeader } from "./carrier.ts";
import { stageLevel, type TraceLevel } from "./level.ts";
import { ATTR, rootName } from "./names.ts";
import type {
  Attributes,
  RequestTracer,
  Stage,
  StageObserver,
  StageOptions,
  TraceLink,
} from "./request-trace.ts";

/** What a tracer has seen go by, since it was made. */
export interface TraceCounts {
  /** Nodes started and not yet ended. */
  readonly open: number;
  /** Nodes that their parent had to end. */
  readonly unclosed: number;
  /** Ends of a node that had ended before. */
  readonly doubleEnds: number;
  /** Stages started below a node that had ended before; they are not recorded. */
  readonly lateStarts: number;
}

export interface OtelRequestTracerOptions {
  readonly tracer: Tracer;
  readonly level: TraceLevel;
  readonly clock?: Clock;
  /** Told of every stage that ends, recorded as a span or not. */
  readonly observer?: StageObserver | undefined;
}

/** What the nodes of a tracer share. */
interface Recorder {
  readonly tracer: Tracer;
  readonly level: TraceLevel;
  readonly clock: Clock;
  readonly observer: StageObserver | undefined;
  readonly counts: { -readonly [Name in keyof TraceCounts]: TraceCounts[Name] };
}

export class OtelRequestTracer implements RequestTracer {
  readonly #recorder: Recorder;

  constructor({ tracer, level, clock = systemClock, observer }: OtelRequestTracerOptions) {
    const counts = { open: 0, unclosed: 0, doubleEnds: 0, lateStarts: 0 };
    this.#recorder = { tracer, level, clock, observer, counts };
  }

  get counts(): TraceCounts {
    return { ...this.#recorder.counts };
  }

  get open(): number {
    return this.#recorder.counts.open;
  }

  startRequest(requestId: string, header: ExternalTraceHeader | undefined, attributes?: Attributes): Stage {
    const options = { kind: SpanKind.SERVER, ...(attributes && { attributes }) };
    return this.#root(rootName(requestId), contextOf(header), options);
  }

  continueRequest(name: string, header: ExternalTraceHeader | undefined, attributes?: Attributes): Stage {
    const serverSpan = traceApi.getActiveSpan();
    const inCall = serverSpan !== undefined && isSpanContextValid(serverSpan.spanContext());
    const parent = inCall ? traceApi.setSpan(ROOT_CONTEXT, serverSpan) : contextOf(header);
    return this.#root(name, parent, { kind: SpanKind.INTERNAL, ...(attributes && { attributes }) });
  }

  #root(name: string, parent: Context, options: SpanStart): Stage {
    const startTime = this.#recorder.clock.now();
    return new OtelStage(this.#recorder, {
      name,
      context: parent,
      startTime,
      span: startSpan(this.#recorder, name, parent, startTime, options),
    });
  }
}

interface SpanStart {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly links?: readonly TraceLink[];
}

interface StageStart {
  readonly name: string;
  /** The context of the nearest recorded ancestor. */
  readonly context: Context;
  /** Epoch ms. */
  readonly startTime: number;
  /** Undefined for a stage that is not recorded. */
  readonly span: Span | undefined;
  /** Undefined at the top of the process's part of the tree, and for a stage started too late. */
  readonly parent?: OtelStage;
}

class OtelStage implements Stage {
  readonly #recorder: Recorder;
  readonly #name: string;
  readonly #parent: OtelStage | undefined;
  readonly #span: Span | undefined;
  readonly #context: Context;
  readonly #startTime: number;
  readonly #openChildren = new Set<OtelStage>();
  /** The latest end among the children, epoch ms: this node does not end before it (T3). */
  #latestChildEnd = 0;
  #ended = false;

  constructor(recorder: Recorder, { name, context, startTime, span, parent }: StageStart) {
    this.#recorder = recorder;
    this.#name = name;
    this.#parent = parent;
    this.#span = span;
    this.#context = span ? traceApi.setSpan(context, span) : context;
    this.#startTime = startTime;
    if (parent) parent.#openChildren.add(this);
    recorder.counts.open += 1;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get header(): ExternalTraceHeader | undefined {
    const spanContext = traceApi.getSpanContext(this.#context);
    return spanContext && formatHeader(spanContext);
  }

  stage(name: string, options: StageOptions = {}): Stage {
    const startTime = this.#startOfChild(options.startTime);
    if (this.#ended) {
      this.#recorder.counts.lateStarts += 1;
      return new OtelStage(this.#recorder, { name, context: this.#context, startTime, span: undefined });
    }
    const span = this.#startChild(name, startTime, options);
    return new OtelStage(this.#recorder, { name, context: this.#context, startTime, span, parent: this });
  }

  record(
    name: string,
    startTime: number,
    endTime: number,
    options: Omit<StageOptions, "startTime"> = {},
  ): void {
    if (this.#ended) {
      this.#recorder.counts.lateStarts += 1;
      return;
    }
    const start = this.#startOfChild(startTime);
    const end = Math.max(start, endTime);
    const span = this.#startChild(name, start, options);
    span?.end(end);
    this.#observe(name, end - start, span?.spanContext());
    this.#latestChildEnd = Math.max(this.#latestChildEnd, end);
  }

  setAttributes(attributes: Attributes): void {
    if (!this.#ended) this.#span?.setAttributes(attributes as OtelAttributes);
  }

  event(name: string, attributes: Attributes = {}): void {
    if (!this.#ended) this.#span?.addEvent(name, attributes as OtelAttributes, this.#recorder.clock.now());
  }

  run<T>(fn: () => T): T {
    return contextApi.with(this.#context, fn);
  }

  end(attributes: Attributes = {}, endTime?: number): void {
    if (!this.#mayEnd()) return;
    this.#span?.setAttributes(attributes as OtelAttributes);
    this.#close(endTime);
  }

  fail(error: BatonError, endTime?: number): void {
    if (!this.#mayEnd()) return;
    for (const child of this.#openChildren) child.fail(error, endTime);
    this.#span?.setAttribute(ATTR.errorType, error.code);
    if (error.code !== "canceled")
      this.#span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    this.#close(endTime);
  }

  /** T2: a second end is counted and otherwise ignored. */
  #mayEnd(): boolean {
    if (this.#ended) this.#recorder.counts.doubleEnds += 1;
    return !this.#ended;
  }

  #close(endTime = this.#recorder.clock.now()): void {
    for (const child of this.#openChildren) child.#closeForParent(endTime);
    const end = Math.max(this.#startTime, this.#latestChildEnd, endTime);
    this.#ended = true;
    this.#span?.end(end);
    this.#recorder.counts.open -= 1;
    this.#observe(this.#name, end - this.#startTime, this.#span?.spanContext());
    if (this.#parent) this.#parent.#childEnded(this, end);
  }

  /** T2: what is still open below a node that ends well is ended with it, and marked. */
  #closeForParent(endTime: number): void {
    this.#recorder.counts.unclosed += 1;
    this.#span?.setAttribute(ATTR.unclosed, true);
    this.#close(endTime);
  }

  #childEnded(child: OtelStage, end: number): void {
    this.#openChildren.delete(child);
    this.#latestChildEnd = Math.max(this.#latestChildEnd, end);
  }

  #observe(name: string, ms: number, span: SpanContext | undefined): void {
    if (!this.#recorder.observer) return;
    this.#recorder.observer.stageEnded(name, ms / 1000, span ? formatHeader(span) : this.header);
  }

  /** T3: no child starts before its parent. */
  #startOfChild(startTime = this.#recorder.clock.now()): number {
    return Math.max(this.#startTime, startTime);
  }

  #startChild(name: string, startTime: number, options: SpanStart): Span | undefined {
    const recorded =
      stageLevel(name) <= this.#recorder.level && traceApi.getSpan(this.#context)?.isRecording();
    return recorded ? startSpan(this.#recorder, name, this.#context, startTime, options) : undefined;
  }
}

function startSpan(
  { tracer }: Recorder,
  name: string,
  parent: Context,
  startTime: number,
  start: SpanStart,
): Span {
  const { kind = SpanKind.INTERNAL, attributes = {}, links = [] } = start;
  const options = {
    kind,
    startTime,
    attributes: attributes as OtelAttributes,
    links: links.flatMap(otelLink),
  };
  return tracer.startSpan(name, options, parent);
}

function otelLink({ header, attributes = {} }: TraceLink): Link[] {
  const context = parseHeader(header);
  return context ? [{ context, attributes: attributes as OtelAttributes }] : [];
}

function contextOf(header: ExternalTraceHeader | undefined): Context {
  const remote = header && parseHeader(header);
  return remote ? traceApi.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
}
