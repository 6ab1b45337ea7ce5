import { ATTR } from "@baton/tracing";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { rootSpan, span } from "./testing.ts";
import { TraceStore } from "./trace-store.ts";

describe("find", () => {
  test("gives the spans of a trace by its id or its request's, in whatever order they came", () => {
    const store = new TraceStore({ maxTraces: 2 });
    const spans = [span({ spanId: "a", parentSpanId: "root" }), rootSpan("r1")];
    store.add(spans);
    expect(store.find("t1")).toEqual(spans);
    expect(store.find("T1")).toEqual(spans);
    expect(store.find("r1")).toEqual(spans);
    expect(store.find("r2")).toBeUndefined();
  });

  test("tells the requests of one trace apart", () => {
    const store = new TraceStore({ maxTraces: 2 });
    store.add([
      rootSpan("r1", { spanId: "1" }),
      rootSpan("r2", { spanId: "2" }),
      span({ spanId: "3", parentSpanId: "1" }),
      span({ spanId: "4", parentSpanId: "3" }),
      span({ spanId: "2", parentSpanId: "2" }), // Its own parent: a hostile sender's.
    ]);
    const ids = (request: string) => store.find(request)!.map(({ spanId }) => spanId);
    expect(ids("r1")).toEqual(["1", "3", "4"]);
    expect(ids("r2")).toEqual(["2", "2"]);
    expect(ids("t1")).toHaveLength(5);
  });

  test("knows a request id that was used again by its latest trace", () => {
    const store = new TraceStore({ maxTraces: 2 });
    store.add([rootSpan("r1", { traceId: "t1" })]);
    store.add([rootSpan("r1", { traceId: "t2" })]);
    expect(store.find("r1")![0]!.traceId).toBe("t2");
    store.add([rootSpan("r2", { traceId: "t3" })]); // t1 goes, and t2 is still known by the request.
    expect(store.find("t1")).toBeUndefined();
    expect(store.find("r1")![0]!.traceId).toBe("t2");
  });
});

describe("list", () => {
  test("has the requests that ended last first, without traces whose root is missing", () => {
    const store = new TraceStore({ maxTraces: 9 });
    store.add([span({ traceId: "t0", parentSpanId: "elsewhere" })]);
    store.add([rootSpan("r1", { traceId: "t1", startMs: 5, endMs: 7.5 })]);
    store.add([rootSpan("r2", { traceId: "t2", attributes: { [ATTR.errorType]: "overloaded" } })]);
    expect(store.list(9)).toEqual([
      {
        traceId: "t2",
        requestId: "r2",
        startMs: 0,
        durationMs: 1,
        outcome: "overloaded",
        spans: 1,
        complete: true,
      },
      {
        traceId: "t1",
        requestId: "r1",
        startMs: 5,
        durationMs: 2.5,
        outcome: "success",
        spans: 1,
        complete: true,
      },
    ]);
    expect(store.list(1).map(({ requestId }) => requestId)).toEqual(["r2"]);
  });

  test("says that a trace is incomplete until the server's part of every call has come", () => {
    const store = new TraceStore({ maxTraces: 9 });
    const complete = () => store.list(1)[0]!.complete;
    store.add([rootSpan("r1")]);
    expect(complete()).toBe(true);
    store.add([span({ spanId: "call", parentSpanId: "root", kind: "client" })]);
    expect(complete()).toBe(false);
    store.add([span({ spanId: "work", parentSpanId: "server" })]);
    store.add([span({ spanId: "server", parentSpanId: "call", kind: "server" })]);
    expect(complete()).toBe(true);
    const status = { code: "error", message: "" } as const;
    store.add([span({ spanId: "refused", parentSpanId: "root", kind: "client", status })]);
    expect(complete()).toBe(true);
  });
});

describe("the limits", () => {
  test("the trace first seen goes first, as a whole (M1)", () => {
    const store = new TraceStore({ maxTraces: 2 });
    for (const id of ["1", "2", "3"]) store.add([rootSpan(`r${id}`, { traceId: `t${id}` })]);
    store.add([span({ traceId: "t2", spanId: "late", parentSpanId: "root" })]);
    expect(["t1", "t2", "t3"].map((id) => store.find(id)?.length)).toEqual([undefined, 2, 1]);
    expect(store.find("r1")).toBeUndefined();
    expect(store.counts()).toMatchObject({ traces: 2, spans: 3, evictedTraces: 1, refusedSpans: 0 });
  });

  test("a trace takes so many spans and no more (M2)", () => {
    const store = new TraceStore({ maxTraces: 2, maxSpansPerTrace: 2 });
    const stages = ["2", "3"].map((spanId) => span({ spanId, parentSpanId: "root" }));
    store.add([rootSpan("r1"), ...stages]);
    expect(store.counts()).toMatchObject({ traces: 1, spans: 2, refusedSpans: 1 });
  });

  test("traces that are no request's take no place (M4)", () => {
    const store = new TraceStore({ maxTraces: 1 });
    store.add([rootSpan("r1")]);
    store.add([span({ traceId: "t2", name: "engine_step" })]);
    expect(store.find("r1")).toHaveLength(1);
    expect(store.counts()).toMatchObject({ traces: 1, spans: 1, evictedTraces: 0 });
  });

  test("one trace above the limit of bytes leaves nothing, and the store goes on", () => {
    const store = new TraceStore({ maxTraces: 2, maxBytes: 10_000 });
    store.add([rootSpan("r1", { attributes: { text: "x".repeat(20_000) } })]);
    expect(store.counts()).toEqual({ traces: 0, spans: 0, bytes: 0, evictedTraces: 1, refusedSpans: 0 });
    store.add([rootSpan("r2", { traceId: "t2" })]);
    expect(store.list(9).map(({ requestId }) => requestId)).toEqual(["r2"]);
  });

  test("hold for any spans, and everything is counted (M1-M3)", () => {
    const any = fc.record({
      traceId: fc.constantFrom("a", "b", "c", "d", "e"),
      text: fc.string({ maxLength: 2000 }),
    });
    fc.assert(
      fc.property(fc.array(fc.array(any)), (batches) => {
        const store = new TraceStore({ maxTraces: 3, maxSpansPerTrace: 4, maxBytes: 6000 });
        for (const batch of batches) {
          store.add(
            batch.map(({ traceId, text }) => rootSpan(`r-${text}`, { traceId, attributes: { text } })),
          );
          const { traces, bytes, spans } = store.counts();
          expect(traces).toBeLessThanOrEqual(3);
          expect(bytes).toBeLessThanOrEqual(6000);
          expect(bytes > 0).toBe(spans > 0);
          const found = ["a", "b", "c", "d", "e"].map((id) => store.find(id)?.length ?? 0);
          expect(found.reduce((sum, count) => sum + count)).toBe(spans);
          for (const { requestId } of store.list(99)) expect(store.find(requestId)).toBeDefined();
        }
      }),
    );
  });
});
