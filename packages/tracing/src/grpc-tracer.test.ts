import { describe, expect, test } from "@jest/globals";
import { type Context, ROOT_CONTEXT, SpanKind, trace as traceApi } from "@opentelemetry/api";
import { parseHeader } from "./carrier.ts";
import { type GrpcTracerOptions, grpcTracerProvider } from "./grpc-tracer.ts";
import type { TraceLevel } from "./level.ts";
import { withRequest } from "./request-context.ts";
import { collectSpans, HandClock } from "./test-support/span-collector.ts";

const { context: PARENT } = parseHeader({
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
})!;
const NAME = "grpc.baton.v1.PrefillWorker/Prefill";

function setUp(options: Partial<GrpcTracerOptions> = {}) {
  const { provider, spans } = collectSpans();
  const clock = new HandClock();
  const lost: string[] = [];
  const grpc = grpcTracerProvider(provider, {
    clock,
    defaultLevel: () => 3,
    oldNames: false,
    onLostContext: (method) => lost.push(method),
    ...options,
  }).getTracer("grpc");
  const start = (kind: SpanKind, context: Context) => {
    const span = grpc.startSpan(NAME, { kind }, context);
    return span.setAttributes({
      "rpc.system": "grpc",
      "rpc.method": "Prefill",
      "rpc.service": "baton.v1.PrefillWorker",
    });
  };
  return { start, spans, clock, lost };
}

const inRequest = (level: TraceLevel) =>
  withRequest(traceApi.setSpanContext(ROOT_CONTEXT, PARENT), { level });

describe("a call of a request", () => {
  test("has a span on our clock that ends once", () => {
    const { start, spans, clock } = setUp();
    const span = start(SpanKind.CLIENT, inRequest(2));
    clock.advance(1500);
    span.end();
    clock.advance(1500);
    span.end();
    expect(spans).toHaveLength(1);
    expect(spans[0]!.endNs - spans[0]!.startNs).toBe(1_500_000_000n);
    expect(spans[0]).toMatchObject({ parentSpanId: PARENT.spanId, name: "baton.v1.PrefillWorker/Prefill" });
  });

  test("below its level has none, and hands the parent's context on", () => {
    const { start, spans } = setUp();
    const span = start(SpanKind.CLIENT, inRequest(1));
    expect(span.spanContext()).toEqual(PARENT);
    span.end();
    expect(spans).toEqual([]);
  });

  test("is of the process's own level where its caller says none", () => {
    const context = traceApi.setSpanContext(ROOT_CONTEXT, PARENT);
    const { start, spans } = setUp({ defaultLevel: () => 1 });
    start(SpanKind.SERVER, context).end();
    expect(spans).toEqual([]);
  });
});

describe("a call outside of every request", () => {
  test("starts no trace, and is reported where this process makes it", () => {
    const { start, spans, lost } = setUp();
    const client = start(SpanKind.CLIENT, ROOT_CONTEXT);
    start(SpanKind.SERVER, ROOT_CONTEXT).end();
    client.end();
    expect(traceApi.isSpanContextValid(client.spanContext())).toBe(false);
    expect(spans).toEqual([]);
    expect(lost).toEqual(["baton.v1.PrefillWorker/Prefill"]);
  });

  test("is none of a request that is not traced", () => {
    const { start, lost } = setUp();
    start(SpanKind.CLIENT, withRequest(ROOT_CONTEXT, { level: 0 })).end();
    expect(lost).toEqual([]);
  });
});

describe("conventions", () => {
  const call = (kind: SpanKind, code: number, oldNames = false) => {
    const { start, spans } = setUp({ oldNames });
    const span = start(kind, inRequest(3));
    span.setStatus({ code: 2, message: "the peer said so" });
    span.setAttribute("rpc.grpc.status_code", code);
    span.setAttributes({ "grpc.error_name": "Error", "server.port": Number.NaN });
    span.end();
    return spans[0]!;
  };

  test("name status by its word, and say the system and the whole method", () => {
    expect(call(SpanKind.SERVER, 0)).toMatchObject({ status: { code: "unset" } });
    expect(call(SpanKind.SERVER, 0).attributes).toEqual({
      "rpc.system.name": "grpc",
      "rpc.method": "baton.v1.PrefillWorker/Prefill",
      "rpc.status_code": "OK",
    });
  });

  test.each([
    ["client", SpanKind.CLIENT, 9, "FAILED_PRECONDITION", true],
    ["client", SpanKind.CLIENT, 1, "CANCELLED", true],
    ["server", SpanKind.SERVER, 9, "FAILED_PRECONDITION", false],
    ["server", SpanKind.SERVER, 13, "INTERNAL", true],
    ["server", SpanKind.SERVER, 4, "DEADLINE_EXCEEDED", true],
  ] as const)("to a %s, %i %i is %s and an error: %s", (_side, kind, code, name, isError) => {
    const { attributes, status } = call(kind, code);
    expect([attributes["rpc.status_code"], attributes["error.type"]]).toEqual([
      name,
      isError ? name : undefined,
    ]);
    expect(status).toEqual(
      isError ? { code: "error", message: "the peer said so" } : { code: "unset", message: "" },
    );
  });

  test("of old are written beside them where that is asked for", () => {
    expect(call(SpanKind.CLIENT, 5, true).attributes).toMatchObject({
      "rpc.system": "grpc",
      "rpc.service": "baton.v1.PrefillWorker",
      "rpc.grpc.status_code": 5,
      "rpc.status_code": "NOT_FOUND",
      "rpc.method": "baton.v1.PrefillWorker/Prefill",
    });
  });
});
