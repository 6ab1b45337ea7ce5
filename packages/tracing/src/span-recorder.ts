/**
 * Starts spans on the OpenTelemetry API, in the place of the SDK's tracer (see `recorded-span.ts`). Ids, sampling and
 * processing are the SDK's interfaces, so whoever makes those need not know.
 */
import {
  context as contextApi,
  type Span,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace as traceApi,
} from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { IdGenerator, Sampler, SpanProcessor } from "@opentelemetry/sdk-trace";
import { RecordedSpan, type SpanHome } from "./recorded-span.ts";

/** Of `SamplingDecision`; named here so that the SDK is not loaded for it. */
const RECORD_AND_SAMPLED = 2;
const NOT_RECORD = 0;

export interface SpanRecorderOptions {
  readonly ids: IdGenerator;
  readonly sampler: Sampler;
  readonly processor: SpanProcessor;
  readonly resource: Resource;
  /** Epoch ms; dates what comes without a time. */
  readonly now: () => number;
}

/** All tracers of a process. */
export class SpanRecorder implements TracerProvider {
  readonly #options: SpanRecorderOptions;

  constructor(options: SpanRecorderOptions) {
    this.#options = options;
  }

  getTracer(name: string, version?: string): Tracer {
    const { resource, processor, now } = this.#options;
    const instrumentationScope = { name, ...(version !== undefined && { version }) };
    const home: SpanHome = { resource, instrumentationScope, now, onEnd: (span) => processor.onEnd(span) };
    return {
      startSpan: (spanName, options, context) => this.#start(home, spanName, options, context),
      startActiveSpan: notUsed,
    };
  }

  #start(home: SpanHome, name: string, options: SpanOptions = {}, context = contextApi.active()): Span {
    const { ids, sampler, processor } = this.#options;
    const { kind = SpanKind.INTERNAL, attributes = {}, links = [], startTime } = options;
    const active = traceApi.getSpanContext(context);
    const parent = active && traceApi.isSpanContextValid(active) ? active : undefined;
    const spanId = ids.generateSpanId();
    const traceId = parent?.traceId ?? ids.generateTraceId();
    const sampled = sampler.shouldSample(context, traceId, name, kind, attributes, links);
    const traceFlags = sampled.decision === RECORD_AND_SAMPLED ? TraceFlags.SAMPLED : TraceFlags.NONE;
    const traceState = sampled.traceState ?? parent?.traceState;
    const own = { traceId, spanId, traceFlags, ...(traceState && { traceState }) };
    if (sampled.decision === NOT_RECORD) return traceApi.wrapSpanContext(own);
    const span = new RecordedSpan(home, { name, kind, context: own, parent, startTime, attributes, links });
    if (sampled.attributes) span.setAttributes(sampled.attributes);
    processor.onStart(span, context);
    return span;
  }
}

/** Baton passes spans by hand, and the gRPC instrumentation too. */
function notUsed(): never {
  throw new Error("Cannot start an active span: expected startSpan and a context in hand");
}
