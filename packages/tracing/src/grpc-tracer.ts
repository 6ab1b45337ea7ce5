/**
 * Stands between the gRPC instrumentation and the SDK.
 *
 *   G1  A call of a request whose level is too low for it has no span: what the instrumentation gets instead has the
 *       parent's context, which therefore goes out in the metadata, and the tree stays connected.
 *   G2  A call outside of every request starts no trace. Where a request makes it, its context was lost on the way: it
 *       is reported.
 *   G3  Spans are on our clock. The SDK dates them by the wall clock in whole milliseconds, our stages by the
 *       monotonic clock that the threads share; mixed, a child seems to leave its parent.
 *   G4  A span may be ended by two parties, the instrumentation and the server whose client has left: the first counts.
 *   G5  Names and attributes follow OpenTelemetry's current conventions for RPC, which the instrumentation does not.
 */
import type { Clock } from "@baton/core";
import {
  type AttributeValue,
  type Context,
  context as contextApi,
  INVALID_SPAN_CONTEXT,
  type Attributes as OtelAttributes,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace as traceApi,
} from "@opentelemetry/api";
import { GRPC_LEVEL } from "./level.ts";
import { ATTR } from "./names.ts";
import { requestOf } from "./request-context.ts";

export interface GrpcTracerOptions {
  readonly clock: Clock;
  /** Level of requests whose caller says none. */
  readonly defaultLevel: () => number;
  /** Also writes the attributes of the old conventions. */
  readonly oldNames: boolean;
  /** A client call was started outside of every request (G2). */
  readonly onLostContext: (method: string) => void;
}

/** Wraps `provider` for the instrumentation, which calls nothing but `startSpan`. */
export function grpcTracerProvider(provider: TracerProvider, options: GrpcTracerOptions): TracerProvider {
  return { getTracer: (...scope) => grpcTracer(provider.getTracer(...scope), options) };
}

function grpcTracer(tracer: Tracer, options: GrpcTracerOptions): Tracer {
  return {
    startSpan(name, spanOptions = {}, context = contextApi.active()) {
      const method = name.replace(/^grpc\./, "");
      const stand = standIn(method, spanOptions, context, options);
      if (stand) return stand;
      const startTime = spanOptions.startTime ?? options.clock.now();
      const attributes = { [ATTR.rpcSystem]: "grpc", [ATTR.rpcMethod]: method };
      const span = tracer.startSpan(method, { ...spanOptions, startTime, attributes }, context);
      return conventional(span, spanOptions.kind ?? SpanKind.INTERNAL, options);
    },
    startActiveSpan: tracer.startActiveSpan.bind(tracer),
  };
}

/** What a call gets that has no span of its own (G1, G2). */
function standIn(
  method: string,
  { kind }: SpanOptions,
  context: Context,
  options: GrpcTracerOptions,
): Span | undefined {
  const request = requestOf(context);
  const parent = traceApi.getSpanContext(context);
  if (!request && kind === SpanKind.CLIENT) options.onLostContext(method);
  if (!parent || (!request && kind === SpanKind.CLIENT))
    return traceApi.wrapSpanContext(INVALID_SPAN_CONTEXT);
  const level = request ? request.level : options.defaultLevel();
  return level < GRPC_LEVEL ? traceApi.wrapSpanContext(parent) : undefined;
}

const STATUS_NAMES = [
  ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"],
  ...["PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE"],
  ...["UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"],
];
/** To a client every status but OK is an error; to a server those that are its own fault. */
const SERVER_ERRORS: ReadonlySet<string> = new Set([
  ...["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
]);

const OLD_STATUS = "rpc.grpc.status_code";
/** What the instrumentation writes and the current conventions do not have. */
const OLD_NAMES: ReadonlySet<string> = new Set([
  ...["rpc.system", "rpc.service", "rpc.method", "grpc.error_name", "grpc.error_message"],
]);

/** Translates what is written to the span from here on (G3-G5). */
function conventional(span: Span, kind: SpanKind, { clock, oldNames }: GrpcTracerOptions): Span {
  const write = span.setAttribute.bind(span);
  const setStatus = span.setStatus.bind(span);
  const end = span.end.bind(span);
  let status: string | undefined;
  let message: string | undefined;
  const translate = (key: string, value: AttributeValue) => {
    if (key === OLD_STATUS) {
      status = STATUS_NAMES[Number(value)] ?? String(value);
      write(ATTR.grpcStatus, status);
    } else if (!OLD_NAMES.has(key) && !Number.isNaN(value)) write(key, value);
    // The old `rpc.method` is the new one's last part: there is room for one of them.
    if (oldNames && (key === OLD_STATUS || (OLD_NAMES.has(key) && key !== ATTR.rpcMethod))) write(key, value);
  };
  span.setAttribute = (key, value) => {
    translate(key, value);
    return span;
  };
  span.setAttributes = (attributes: OtelAttributes) => {
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) translate(key, value);
    return span;
  };
  span.setStatus = (given) => {
    message = given.message ?? message;
    return span;
  };
  span.end = (endTime) => {
    if (!span.isRecording()) return;
    const failed =
      status !== undefined && (kind === SpanKind.CLIENT ? status !== "OK" : SERVER_ERRORS.has(status));
    if (failed) {
      write(ATTR.errorType, status!);
      setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
    }
    end(endTime ?? clock.now());
  };
  return span;
}
