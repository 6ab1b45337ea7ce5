/**
 * Starts and continues requests on the OpenTelemetry API. The ambient context is read for `continueRequest` alone, which
 * must find the gRPC server span that the instrumentation has just made active.
 */
import { type Clock, type ExternalTraceHeader, systemClock } from "@baton/core";
import {
  type Context,
  context as contextApi,
  isSpanContextValid,
  type Attributes as OtelAttributes,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  TraceFlags,
  type Tracer,
  trace as traceApi,
} from "@opentelemetry/api";
import { formatHeader, parseHeader, type ReadHeader } from "./carrier.ts";
import { type AttributeNames, genAiNames } from "./gen-ai-names.ts";
import { JoinedStage } from "./joined-stage.ts";
import type { TraceLevel } from "./level.ts";
import type { TraceModule } from "./module.ts";
import { ATTR, LINK, rootName } from "./names.ts";
import { OtelStage, type OtelStageStart, RequestPart } from "./otel-stage.ts";
import { NO_COUNTS, type Recorder, type TraceCounts, type TraceMisuse } from "./recorder.ts";
import { requestOf } from "./request-context.ts";
import { asksSampler } from "./request-sampler.ts";
import type {
  Attributes,
  RequestOptions,
  RequestTracer,
  Stage,
  StageObserver,
  StageOptions,
  StandaloneSpan,
} from "./request-trace.ts";
import type { ThreadIdentity } from "./thread-identity.ts";
import { UnrecordedStage } from "./unrecorded-stage.ts";

export interface OtelRequestTracerOptions {
  /** Undefined records no spans: stages are only timed for the observer. */
  readonly tracer: Tracer | undefined;
  /** Fixes the id of a span that is started; without it keys of stages have no effect. */
  readonly ids?: Recorder["ids"];
  readonly level: TraceLevel;
  /** `request` unless given. */
  readonly modules?: ReadonlySet<TraceModule>;
  /** Who this process is. */
  readonly thread: ThreadIdentity;
  /** Names of the attributes of requests and their parts; both the seed's and today's unless given. */
  readonly names?: AttributeNames;
  readonly clock?: Clock;
  /** Told of every stage that ends, recorded as a span or not. */
  readonly observer?: StageObserver | undefined;
  /** Told of every use that is a defect of the code around the tracer, with the name of the stage. */
  readonly onMisuse?: (kind: TraceMisuse, name: string) => void;
}

const FREE_IDS: Recorder["ids"] = { with: (_spanId, start) => start() };

export class OtelRequestTracer implements RequestTracer {
  readonly #recorder: Recorder;
  readonly #records: boolean;
  readonly #modules: ReadonlySet<TraceModule>;
  readonly #thread: ThreadIdentity;
  readonly #names: AttributeNames;
  #level: TraceLevel;

  constructor(options: OtelRequestTracerOptions) {
    const { tracer = traceApi.getTracer("none"), clock = systemClock, ids = FREE_IDS } = options;
    const { observer, onMisuse } = options;
    this.#recorder = { tracer, ids, clock, observer, onMisuse, counts: { ...NO_COUNTS } };
    this.#records = options.tracer !== undefined;
    this.#modules = options.modules ?? new Set(["request"]);
    this.#thread = options.thread;
    this.#names = options.names ?? genAiNames();
    this.#level = this.#records ? options.level : 0;
  }

  get level(): TraceLevel {
    return this.#level;
  }

  set level(level: TraceLevel) {
    if (this.#records) this.#level = level;
  }

  get counts(): TraceCounts {
    return { ...this.#recorder.counts };
  }

  /** A call to a worker was started outside of every request. */
  lostContext(name: string): void {
    this.#recorder.counts.lostContexts += 1;
    this.#recorder.onMisuse?.("lostContexts", name);
  }

  get open(): number {
    return this.#recorder.counts.open;
  }

  traces(module: TraceModule): boolean {
    return this.#records && this.#modules.has(module);
  }

  startRequest(
    requestId: string,
    header: ExternalTraceHeader | undefined,
    attributes: Attributes = {},
    { level = this.#level, startTime = this.#recorder.clock.now() }: RequestOptions = {},
  ): Stage {
    const name = rootName(requestId);
    const read = header && parseHeader(header);
    if (!this.#records) return this.#unrecorded(name, startTime, read?.context);
    if (level === 0 || !this.traces("request"))
      return this.#unrecorded(name, startTime, read && unsampled(read.context));
    const options = {
      kind: SpanKind.SERVER,
      startTime,
      attributes: this.#names(attributes) as OtelAttributes,
    };
    const parent = asksSampler(contextOf(read?.context));
    const span = this.#recorder.tracer.startSpan(name, options, parent);
    if (!span.isRecording()) return this.#unrecorded(name, startTime, span.spanContext());
    const part = new RequestPart(this.#recorder, level);
    const root = new OtelStage(part, { name, place: "top", startTime, span });
    const thread = root.child(this.#thread.name, { startTime, attributes: this.#thread.attributes }, 1);
    return new JoinedStage({ outer: root, inner: thread, front: root, names: this.#names });
  }

  continueRequest(
    name: string,
    header: ExternalTraceHeader | undefined,
    attributes: Attributes = {},
    { key }: Pick<StageOptions, "key"> = {},
  ): Stage {
    const startTime = this.#recorder.clock.now();
    const { context: parent, carried } = fromActiveCall() ?? (header && parseHeader(header)) ?? {};
    const level = carried?.level ?? this.#level;
    if (!parent || !isSampled(parent) || level === 0 || !this.traces("request"))
      return this.#unrecorded(name, startTime, parent);
    const previous = carried?.previous && { ...parent, spanId: carried.previous };
    const part = new RequestPart(this.#recorder, level, previous || undefined);
    const named = this.#names(attributes);
    const span = this.#startThread(parent, startTime, named);
    const thread = new OtelStage(part, { name: this.#thread.name, place: "thread", startTime, span });
    const leg = thread.child(name, { startTime, attributes: named, ...(key !== undefined && { key }) });
    const front = leg.recording ? leg : thread;
    return new JoinedStage({ outer: thread, inner: leg, front, names: this.#names });
  }

  recordStandalone({ module, name, startTime, endTime, attributes, links }: StandaloneSpan): void {
    if (!this.traces(module)) return;
    const served = (links ?? []).flatMap((header) => parseHeader(header) ?? []).filter(isSampledHeader);
    if (links && served.length === 0) return;
    const options = {
      startTime,
      attributes: { ...this.#thread.attributes, ...attributes } as OtelAttributes,
      links: served.map(({ context }) => ({ context, attributes: { [ATTR.link]: LINK.served } })),
    };
    this.#recorder.tracer.startSpan(name, options, asksSampler(ROOT_CONTEXT)).end(endTime);
  }

  #startThread(parent: SpanContext, startTime: number, attributes: Attributes): Span {
    const options = {
      startTime,
      attributes: { ...this.#thread.attributes, ...attributes } as OtelAttributes,
    };
    return this.#recorder.tracer.startSpan(this.#thread.name, options, belowCall(parent));
  }

  /** A request without spans: `remote` is passed on; its stages are timed if somebody wants to know. */
  #unrecorded(name: string, startTime: number, remote: SpanContext | undefined): Stage {
    if (!this.#recorder.observer) return new UnrecordedStage(remote && formatHeader(remote));
    const start: OtelStageStart = { name, place: "thread", startTime, span: undefined, remote };
    return new OtelStage(new RequestPart(this.#recorder, 0), start);
  }
}

/** The gRPC call that is being handled, if there is one and it carries a trace. */
function fromActiveCall(): ReadHeader | undefined {
  const active = contextApi.active();
  const context = traceApi.getSpanContext(active);
  if (!context || !isSpanContextValid(context)) return undefined;
  const carried = requestOf(active);
  return { context, ...(carried && { carried }) };
}

/** Below the span of the call itself where that is the parent: a span is handed on with those above it in its process. */
function belowCall(parent: SpanContext): Context {
  const call = traceApi.getActiveSpan();
  return call?.spanContext().spanId === parent.spanId
    ? traceApi.setSpan(ROOT_CONTEXT, call)
    : contextOf(parent);
}

function contextOf(remote: SpanContext | undefined): Context {
  return remote ? traceApi.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

function isSampledHeader({ context }: ReadHeader): boolean {
  return isSampled(context);
}

function unsampled(context: SpanContext): SpanContext {
  return { ...context, traceFlags: TraceFlags.NONE };
}
