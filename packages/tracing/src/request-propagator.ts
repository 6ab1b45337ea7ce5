/** Carries a request's trace context in gRPC metadata, level included: what the instrumentation calls on both sides. */
import {
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  trace as traceApi,
} from "@opentelemetry/api";
import { formatHeader, parseHeader } from "./carrier.ts";
import { requestOf, withRequest } from "./request-context.ts";

export const requestPropagator: TextMapPropagator = {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = traceApi.getSpanContext(context);
    const header = span && formatHeader(span, isSampled(span) ? requestOf(context) : undefined);
    if (!header) return;
    setter.set(carrier, "traceparent", header.traceparent);
    if (header.tracestate !== undefined) setter.set(carrier, "tracestate", header.tracestate);
  },

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const traceparent = text(getter.get(carrier, "traceparent"));
    if (traceparent === undefined) return context;
    const tracestate = text(getter.get(carrier, "tracestate"));
    const read = parseHeader(tracestate === undefined ? { traceparent } : { traceparent, tracestate });
    if (!read) return context;
    const inTrace = traceApi.setSpanContext(context, read.context);
    return read.carried ? withRequest(inTrace, read.carried) : inTrace;
  },

  fields: () => ["traceparent", "tracestate"],
};

function isSampled({ traceFlags }: { readonly traceFlags: number }): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

function text(value: string | string[] | undefined): string | undefined {
  const values = [value ?? []].flat();
  return values.length === 0 ? undefined : values.join(",");
}
