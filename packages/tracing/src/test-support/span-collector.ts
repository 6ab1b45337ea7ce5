/** For unit tests: a tracer as in production, whose finished spans are kept in plain shape, and a clock moved by hand. */
import { type Clock, systemClock } from "@baton/core";
import type { Tracer, TracerProvider } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import { CryptoIdGenerator } from "../crypto-id-generator.ts";
import type { ExportedSpan } from "../exported-span.ts";
import { requestSampler } from "../request-sampler.ts";
import { SpanRecorder } from "../span-recorder.ts";

const KINDS = ["internal", "server", "client", "producer", "consumer"] as const;
const STATUS = ["unset", "ok", "error"] as const;

export interface SpanCollector {
  readonly provider: TracerProvider;
  readonly tracer: Tracer;
  readonly ids: CryptoIdGenerator;
  /** What has ended so far, in that order. */
  readonly spans: ExportedSpan[];
}

export function collectSpans(): SpanCollector {
  const spans: ExportedSpan[] = [];
  const keep: SpanProcessor = {
    onStart() {},
    onEnd: (span) => void spans.push(plain(span)),
    async forceFlush() {},
    async shutdown() {},
  };
  const ids = new CryptoIdGenerator();
  const sampler = requestSampler(new ParentBasedSampler({ root: new AlwaysOnSampler() }));
  const resource = resourceFromAttributes({});
  const now = () => systemClock.now();
  const provider = new SpanRecorder({ processor: keep, ids, sampler, resource, now });
  return { provider, tracer: provider.getTracer("test"), ids, spans };
}

/** A clock that stands still until it is told to move. */
export class HandClock implements Clock {
  #now = 1_700_000_000_000;

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}

function plain(span: ReadableSpan): ExportedSpan {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  return {
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    name: span.name,
    kind: KINDS[span.kind] ?? "unspecified",
    startNs: nanoseconds(span.startTime),
    endNs: nanoseconds(span.endTime),
    status: { code: STATUS[span.status.code] ?? "unset", message: span.status.message ?? "" },
    attributes: span.attributes,
    resource: span.resource.attributes,
    flags: traceFlags,
    traceState: traceState?.serialize() ?? "",
    links: span.links.map(({ context, attributes = {} }) => ({ ...context, attributes })),
    events: span.events.map(({ name, time, attributes = {} }) => ({
      name,
      timeNs: nanoseconds(time),
      attributes,
    })),
  };
}

function nanoseconds([seconds, rest]: readonly [number, number]): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest);
}
