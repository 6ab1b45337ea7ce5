import { decodeExport } from "@baton/rpc";
import type { ExportedSpan } from "@baton/tracing";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeExport, rootSpan, span } from "./testing.ts";
import { TraceStore } from "./trace-store.ts";

const A = "aa".repeat(16);
const B = "bb".repeat(16);
const C = "cc".repeat(16);
const ROOT = "00".repeat(8);

const root = (requestId: string, traceId: string) => rootSpan(requestId, { traceId, spanId: ROOT });
const stage = (spanId: string, traceId: string, parentSpanId: string | undefined = ROOT) =>
  span({ spanId: spanId.padStart(16, "0"), traceId, parentSpanId });

class Filled extends TraceStore {
  with(...spans: readonly ExportedSpan[]): this {
    this.add(encodeExport(spans));
    return this;
  }

  names(id: string): readonly string[] | undefined {
    const found = this.find(id);
    return found && decodeExport(found).map(({ name, spanId }) => `${name} ${spanId.replace(/^0+/, "")}`);
  }
}

describe("find", () => {
  test("gives a trace by its id or its request's, in whatever order its parts came", () => {
    const store = new Filled({ maxTraces: 2 }).with(stage("1", A)).with(root("r1", A));
    for (const id of [A, A.toUpperCase(), "r1"]) expect(store.names(id)).toEqual(["stage 1", "Req r1 "]);
    expect(store.find("r2")).toBeUndefined();
  });

  test("keeps what one export says of several traces apart", () => {
    const store = new Filled({ maxTraces: 2 }).with(root("r1", A), root("r2", B), stage("1", A));
    expect(store.names("r1")).toEqual(["Req r1 ", "stage 1"]);
    expect(store.names("r2")).toEqual(["Req r2 "]);
  });

  test("gives everything that came, with its process", () => {
    const store = new TraceStore({ maxTraces: 1 });
    const request = encodeExport([root("r1", A), stage("1", A)]);
    store.add(request);
    expect(decodeExport(store.find(A)!)).toEqual(decodeExport(request));
    expect(decodeExport(request)[0]!.resource).toEqual({ pid: undefined });
  });

  test("knows a request id that was used again by its latest trace", () => {
    const store = new Filled({ maxTraces: 2 }).with(root("r1", A)).with(root("r1", B), stage("1", B));
    expect(store.names("r1")).toHaveLength(2);
    store.with(root("r2", C)); // A goes, and B is still known by the request.
    expect(store.find(A)).toBeUndefined();
    expect(store.names("r1")).toHaveLength(2);
  });
});

test("list has the requests that ended last first, without traces whose root is missing", () => {
  const store = new Filled({ maxTraces: 9 }).with(stage("1", C)).with(root("r1", A)).with(root("r2", B));
  store.with(stage("1", A));
  const listed = store.list(9).map(({ root: request, ...rest }) => [rest, decodeExport(request)[0]!.name]);
  expect(listed).toEqual([
    [{ traceId: B, requestId: "r2", spans: 1 }, "Req r2"],
    [{ traceId: A, requestId: "r1", spans: 2 }, "Req r1"],
  ]);
  expect(store.list(1)).toHaveLength(1);
});

describe("the limits", () => {
  test("the trace first seen goes first, as a whole (M1)", () => {
    const store = new Filled({ maxTraces: 2 }).with(root("r1", A)).with(root("r2", B)).with(root("r3", C));
    store.with(stage("1", B));
    expect([A, B, C].map((id) => store.names(id)?.length)).toEqual([undefined, 2, 1]);
    expect(store.find("r1")).toBeUndefined();
    expect(store.counts()).toMatchObject({ traces: 2, spans: 3, evictedTraces: 1, refusedSpans: 0 });
  });

  test("a part with which a trace would have too many spans is refused (M2)", () => {
    const store = new Filled({ maxTraces: 2, maxSpansPerTrace: 2 }).with(root("r1", A));
    store.with(stage("1", A), stage("2", A)).with(stage("3", A));
    expect(store.names(A)).toEqual(["Req r1 ", "stage 3"]);
    expect(store.counts()).toMatchObject({ traces: 1, spans: 2, refusedSpans: 2 });
  });

  test("traces that are no request's take no place (M4)", () => {
    const store = new Filled({ maxTraces: 1 }).with(root("r1", A));
    store.with(span({ traceId: B, spanId: ROOT, name: "engine_step" }));
    expect(store.counts()).toMatchObject({ traces: 1, spans: 1, evictedTraces: 0 });
  });

  test("one trace above the limit of bytes leaves nothing, and the store goes on", () => {
    const store = new Filled({ maxTraces: 2, maxBytes: 10_000 });
    store.with(span({ traceId: A, spanId: ROOT, parentSpanId: ROOT, name: "x".repeat(20_000) }));
    expect(store.counts()).toEqual({ traces: 0, spans: 0, bytes: 0, evictedTraces: 1, refusedSpans: 0 });
    expect(store.with(root("r2", B)).list(9)).toHaveLength(1);
  });

  test("hold for any spans, and everything is counted (M1-M3)", () => {
    const any = fc.record({ traceId: fc.constantFrom(A, B, C), text: fc.string({ maxLength: 2000 }) });
    fc.assert(
      fc.property(fc.array(fc.array(any)), (batches) => {
        const store = new Filled({ maxTraces: 2, maxSpansPerTrace: 4, maxBytes: 6000 });
        for (const batch of batches) {
          store.with(...batch.map(({ traceId, text }) => root(text, traceId)));
          const { traces, bytes, spans } = store.counts();
          expect(traces).toBeLessThanOrEqual(2);
          expect(bytes).toBeLessThanOrEqual(6000);
          expect(bytes > 0).toBe(spans > 0);
          const found = [A, B, C].map((id) => store.names(id)?.length ?? 0);
          expect(found.reduce((sum, count) => sum + count)).toBe(spans);
          for (const { requestId } of store.list(99)) expect(store.find(requestId)).toBeDefined();
        }
      }),
    );
  });
});

test("bytes that are no export request are refused and change nothing", () => {
  const store = new Filled({ maxTraces: 2 }).with(root("r1", A));
  const before = store.counts();
  const request = encodeExport([root("r2", B), stage("1", B)]);
  for (let length = 1; length < request.length; length++) {
    expect(() => store.add(request.subarray(0, length))).toThrow("Cannot read the export");
  }
  expect(store.counts()).toEqual(before);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        store.add(bytes);
      } catch (error) {
        expect((error as Error).message).toContain("Cannot read the export");
      }
    }),
  );
});
