/**
 * The life of a request's trace within one process and across two, asserted on exported parent ids: the counterparts
 * of the unit cases that SGLang's tracing has, in the order in which it lists them.
 */
import { BatonError, type ExternalTraceHeader } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { formatHeader, parseHeader } from "./carrier.ts";
import type { ExportedSpan } from "./exported-span.ts";
import { isTraceLevel, TRACE_LEVELS, type TraceLevel } from "./level.ts";
import { ATTR, EVENT, LINK, SPAN, STANDALONE } from "./names.ts";
import { nullRequestTracer } from "./null-request-tracer.ts";
import { OtelRequestTracer, type OtelRequestTracerOptions } from "./otel-request-tracer.ts";
import { collectSpans, HandClock } from "./test-support/span-collector.ts";
import { hostId, threadIdentity, workerLabel } from "./thread-identity.ts";

const CLIENT: ExternalTraceHeader = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "congo=t61rcWkgMzE",
};
const CLIENT_SPAN = "b7ad6b7169203331";

/** A router and a worker that export to the same place, as two processes would. */
function setUp(options: Partial<OtelRequestTracerOptions> = {}) {
  const { tracer, ids, spans } = collectSpans();
  const clock = new HandClock();
  const common = { tracer, ids, clock, level: 3 as TraceLevel, ...options };
  const router = new OtelRequestTracer({ ...common, thread: threadIdentity("Router", "router") });
  const worker = new OtelRequestTracer({
    ...common,
    thread: threadIdentity("Prefill Worker 0", "prefill-0"),
  });
  const find = (matches: (span: ExportedSpan) => boolean) => spans.find(matches)!;
  const named = (name: string) => find((span) => span.name === name);
  const thread = (label: string) => find(({ attributes }) => attributes[ATTR.threadLabel] === label);
  /** Names from the root down to a span. */
  const path = (span: ExportedSpan | undefined): string[] =>
    span
      ? [
          ...path(spans.find(({ spanId }) => spanId === span.parentSpanId)),
          String(span.attributes[ATTR.threadLabel] ?? span.name),
        ]
      : [];
  return { router, worker, spans, clock, named, thread, path };
}

describe("the header of a client", () => {
  test("makes the root its child, in its trace, with its vendor state", () => {
    const { router, named } = setUp();
    router.startRequest("r1", CLIENT).end();
    expect(named("Req r1")).toMatchObject({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      parentSpanId: CLIENT_SPAN,
      traceState: "congo=t61rcWkgMzE",
    });
  });

  test("is not needed: without one the root has no parent", () => {
    const { router, named } = setUp();
    router.startRequest("r1", undefined).end();
    expect(named("Req r1").parentSpanId).toBeUndefined();
  });
});

describe("levels", () => {
  test("are 0 to 3, each with its meaning", () => {
    expect(Object.keys(TRACE_LEVELS).map(Number).every(isTraceLevel)).toBe(true);
    expect(Object.keys(TRACE_LEVELS)).toHaveLength(4);
  });

  test("are set for requests to come; a running one keeps its own", () => {
    const { router, spans } = setUp();
    const before = router.startRequest("r1", undefined);
    router.level = 1;
    before.stage(SPAN.tokenize).end();
    before.end();
    const after = router.startRequest("r2", undefined);
    after.stage(SPAN.tokenize).end();
    after.end();
    expect(spans.filter(({ name }) => name === SPAN.tokenize)).toHaveLength(1);
  });

  test("of a single request go before the tracer's, up and down", () => {
    const { router, named, spans } = setUp({ level: 1 });
    const above = router.startRequest("up", undefined, {}, { level: 2 });
    above.stage(SPAN.tokenize).end();
    above.end();
    expect(named(SPAN.tokenize)).toBeDefined();
    const count = spans.length;
    const none = router.startRequest("down", CLIENT, {}, { level: 0 });
    none.stage(SPAN.tokenize).end();
    none.end();
    expect(spans).toHaveLength(count);
    expect(none.header).toEqual({ ...CLIENT, traceparent: CLIENT.traceparent.replace(/1$/, "0") });
  });

  test("travel with the request: a worker's own does not matter", () => {
    const { router, spans } = setUp();
    const { worker } = setUp({ level: 0 });
    const root = router.startRequest("r1", undefined, {}, { level: 2 });
    const leg = worker.continueRequest(SPAN.prefill, root.header);
    expect(leg.wants(SPAN.prefillForward)).toBe(true);
    expect(leg.wants(SPAN.kvSend)).toBe(false);
    leg.end();
    root.end();
    expect(spans).toHaveLength(2);
  });
});

describe("the null tracer", () => {
  test("answers every call, gives itself as every stage, and passes the header on", () => {
    const root = nullRequestTracer.startRequest("r1", CLIENT);
    expect(root.stage("a").stage("b")).toBe(root);
    expect(root.header).toBe(CLIENT);
    expect([root.recording, root.ended, root.wants(SPAN.tokenize), nullRequestTracer.open]).toEqual([
      false,
      false,
      false,
      0,
    ]);
    nullRequestTracer.level = 3;
    expect([nullRequestTracer.level, nullRequestTracer.traces("request")]).toEqual([0, false]);
  });

  test("makes nothing for a request without a header", () => {
    const first = nullRequestTracer.startRequest("r1", undefined);
    expect(nullRequestTracer.startRequest("r2", undefined)).toBe(first);
  });
});

describe("who a process is", () => {
  test("is a hash of machine and host name, so that no machine id is shown", () => {
    expect(hostId("machine-a")).toMatch(/^[0-9a-f]{16}$/);
    expect(hostId("machine-a")).not.toBe(hostId("machine-b"));
    expect(hostId()).toBe(hostId());
  });

  test("is in the name and the attributes of its thread span", () => {
    const { router, thread } = setUp();
    router.startRequest("r1", undefined).end();
    expect(thread("Router").name).toBe(`Router (host:${hostId().slice(0, 8)} | pid:${process.pid})`);
    expect(thread("Router").attributes).toEqual({
      [ATTR.hostId]: hostId(),
      [ATTR.pid]: process.pid,
      [ATTR.threadLabel]: "Router",
      [ATTR.threadWorkerId]: "router",
      [ATTR.dpRank]: 0,
    });
  });

  test.each([
    ["prefill", "prefill-0", "Prefill Worker 0"],
    ["decode", "decode-12", "Decode Worker 12"],
    ["aggregated", "decode-1", "Aggregated Worker 1"],
    ["decode", "node7-31337", "Decode Worker node7-31337"],
  ] as const)("a %s worker %s is %s", (role, id, label) => {
    expect(workerLabel(role, id)).toBe(label);
  });

  test("a process has one thread span for each call of a request, and no more", () => {
    const { router, worker, spans } = setUp();
    const root = router.startRequest("r1", undefined);
    for (const _attempt of [1, 2]) worker.continueRequest(SPAN.prefill, root.header).end();
    root.end();
    const labels = spans.map(({ attributes }) => attributes[ATTR.threadLabel]).filter(Boolean);
    expect(labels.sort()).toEqual(["Prefill Worker 0", "Prefill Worker 0", "Router"]);
  });
});

describe("modules", () => {
  test("that are off make nothing", () => {
    const { router, worker, spans } = setUp({ modules: new Set(["engine"] as const) });
    const root = router.startRequest("r1", CLIENT);
    worker.continueRequest(SPAN.prefill, root.header).end();
    root.end();
    expect(spans).toEqual([]);
    expect(root.header!.traceparent).toMatch(/-00$/);
  });

  test("make traces of their own, which link to sampled requests", () => {
    const { worker, named } = setUp({ modules: new Set(["engine"] as const) });
    const step = { module: "engine", name: STANDALONE.engineStep, startTime: 1, endTime: 2 } as const;
    worker.recordStandalone({ ...step, attributes: { [ATTR.batchSize]: 1 }, links: [CLIENT] });
    expect(named(STANDALONE.engineStep)).toMatchObject({
      parentSpanId: undefined,
      attributes: { [ATTR.batchSize]: 1, [ATTR.threadLabel]: "Prefill Worker 0" },
      links: [{ spanId: CLIENT_SPAN, attributes: { [ATTR.link]: LINK.served } }],
    });
    expect(named(STANDALONE.engineStep).traceId).not.toBe("0af7651916cd43dd8448eb211c80319c");
  });

  test("make none where no request of it is sampled, and none of a module that is off", () => {
    const { worker, spans } = setUp({ modules: new Set(["engine"] as const) });
    const unsampled = { traceparent: CLIENT.traceparent.replace(/1$/, "0") };
    const step = { startTime: 1, endTime: 2, attributes: {} };
    worker.recordStandalone({ ...step, module: "engine", name: STANDALONE.engineStep, links: [unsampled] });
    worker.recordStandalone({ ...step, module: "routing", name: STANDALONE.workersChanged });
    expect(spans).toEqual([]);
  });
});

describe("a whole life", () => {
  test("is root, thread spans, slices and nested slices, each below its own parent", () => {
    const { router, worker, named, path } = setUp();
    const root = router.startRequest("r1", undefined);
    const leg = root.stage(SPAN.prefillLeg);
    const part = worker.continueRequest(SPAN.prefill, leg.header, {
      [ATTR.bootstrapRoom]: "00000000000000aa",
    });
    const forward = part.stage(SPAN.prefillForward);
    forward.record(SPAN.chunkedPrefill, 0, 1);
    forward.end();
    part.end();
    leg.end();
    root.end();
    expect(path(named(SPAN.chunkedPrefill))).toEqual([
      ...["Req r1", "Router", SPAN.prefillLeg],
      ...["Prefill Worker 0", SPAN.prefill, SPAN.prefillForward, SPAN.chunkedPrefill],
    ]);
    expect(named(SPAN.prefill).attributes[ATTR.bootstrapRoom]).toBe("00000000000000aa");
  });

  test("a slice whose ends are both known hangs below the node that recorded it", () => {
    const { router, named, thread } = setUp();
    const root = router.startRequest("r1", undefined);
    const open = root.stage(SPAN.prefillRouting);
    root.record(SPAN.tokenize, 0, 1);
    open.record(SPAN.kvFindBestMatch, 0, 1);
    open.end();
    root.end();
    expect(named(SPAN.tokenize).parentSpanId).toBe(thread("Router").spanId);
    expect(named(SPAN.kvFindBestMatch).parentSpanId).toBe(named(SPAN.prefillRouting).spanId);
  });

  test("leaves beyond a bound are left out, counted, and said on the thread span", () => {
    const { router, spans, thread } = setUp();
    const root = router.startRequest("r1", undefined);
    const forward = root.stage(SPAN.decodeForward);
    for (let i = 0; i < 1030; i++) forward.record(SPAN.decodeLoop, i, i + 1);
    forward.end();
    root.end();
    expect(spans.filter(({ name }) => name === SPAN.decodeLoop)).toHaveLength(1024);
    expect(thread("Router").attributes[ATTR.skippedSpans]).toBe(6);
    expect(router.counts.skipped).toBe(6);
  });
});

describe("events", () => {
  test("land on the node that they are told to, at their time, with or without attributes", () => {
    const { router, clock, named } = setUp();
    const root = router.startRequest("r1", undefined);
    const stage = root.stage(SPAN.prefillRouting);
    clock.advance(5);
    stage.event(EVENT.candidate);
    root.event(EVENT.retry, { [ATTR.attempt]: 2 });
    stage.end();
    root.end();
    const [{ startNs, events }] = [named(SPAN.prefillRouting)];
    expect(events).toMatchObject([{ name: EVENT.candidate, timeNs: startNs + 5_000_000n, attributes: {} }]);
    expect(named("Req r1").events).toMatchObject([{ name: EVENT.retry, attributes: { [ATTR.attempt]: 2 } }]);
  });

  test("that are details are left out below level 3", () => {
    const { router, named } = setUp({ level: 2 });
    const root = router.startRequest("r1", undefined);
    const stage = root.stage(SPAN.prefillRouting);
    for (const name of [EVENT.candidate, EVENT.cacheHit]) stage.event(name);
    stage.end();
    root.end();
    expect(named(SPAN.prefillRouting).events.map(({ name }) => name)).toEqual([EVENT.cacheHit]);
  });
});

describe("links", () => {
  test("lead from each first-level slice to the one before it, across processes; nested slices have none", () => {
    const { router, worker, named } = setUp();
    const root = router.startRequest("r1", undefined);
    root.stage(SPAN.tokenize).end();
    const leg = root.stage(SPAN.prefillLeg);
    const part = worker.continueRequest(SPAN.prefill, leg.header);
    part.stage(SPAN.prefillForward).end();
    part.end();
    leg.end();
    root.end();
    const targets = (name: string) => named(name).links.map(({ spanId }) => spanId);
    expect(targets(SPAN.tokenize)).toEqual([]);
    expect(targets(SPAN.prefillLeg)).toEqual([named(SPAN.tokenize).spanId]);
    expect(targets(SPAN.prefill)).toEqual([named(SPAN.prefillLeg).spanId]);
    expect(targets(SPAN.prefillForward)).toEqual([]);
  });

  test("find a span of another process by its key", () => {
    const { router, worker, named } = setUp();
    const root = router.startRequest("r1", undefined);
    const part = worker.continueRequest(SPAN.prefill, root.header, {}, { key: "prefill/aa" });
    part.record(SPAN.kvSend, 0, 1, { key: "kv_send/aa/0" });
    const other = worker.continueRequest(SPAN.decode, root.header);
    other.stage(SPAN.decodeTransferred, { links: [{ key: "prefill/aa" }] }).end();
    other.record(SPAN.kvRecv, 0, 1, { links: [{ key: "kv_send/aa/0" }] });
    for (const stage of [part, other, root]) stage.end();
    expect(named(SPAN.decodeTransferred).links[0]!.spanId).toBe(named(SPAN.prefill).spanId);
    expect(named(SPAN.kvRecv).links[0]!.spanId).toBe(named(SPAN.kvSend).spanId);
  });
});

describe("an end that does not fit", () => {
  test("of nothing that is open is counted and changes nothing", () => {
    const { router, spans } = setUp();
    const stage = router.startRequest("r1", undefined);
    stage.end();
    stage.end();
    expect([spans.length, router.counts.doubleEnds]).toEqual([2, 1]);
  });

  test("of a parent before its child ends the child, which is marked: nothing is lost or left open", () => {
    const { router, named, thread } = setUp();
    const root = router.startRequest("r1", undefined);
    const outer = root.stage(SPAN.prefillRouting);
    outer.stage(SPAN.kvFindBestMatch);
    outer.end();
    root.end();
    expect(named(SPAN.kvFindBestMatch)).toMatchObject({
      parentSpanId: named(SPAN.prefillRouting).spanId,
      attributes: { [ATTR.unclosed]: true },
    });
    expect(named(SPAN.prefillRouting).parentSpanId).toBe(thread("Router").spanId);
    expect(router.counts).toMatchObject({ open: 0, unclosed: 1 });
  });

  test("attributes of the end stay on the node that ends", () => {
    const { router, named } = setUp();
    const root = router.startRequest("r1", undefined);
    root.stage(SPAN.tokenize).end({ [ATTR.promptTokens]: 7 });
    root.end({ [ATTR.httpStatus]: 200 });
    expect(named(SPAN.tokenize).attributes).toEqual({ [ATTR.promptTokens]: 7 });
    expect(named("Req r1").attributes).toEqual({ [ATTR.httpStatus]: 200 });
  });
});

describe("a failure", () => {
  const error = new BatonError("kv_mismatch", "Cannot use it: wrong size");

  test("ends everything that is open with the error, the root included, and says where it began", () => {
    const { router, named, thread } = setUp();
    const root = router.startRequest("r1", undefined);
    const leg = root.stage(SPAN.decodeLeg);
    leg.stage(SPAN.decodeForward);
    leg.fail(error);
    root.fail(error);
    for (const span of [
      named(SPAN.decodeForward),
      named(SPAN.decodeLeg),
      thread("Router"),
      named("Req r1"),
    ]) {
      expect(span).toMatchObject({
        status: { code: "error", message: error.message },
        attributes: { [ATTR.errorType]: "kv_mismatch" },
      });
    }
    const events = [named(SPAN.decodeForward), named(SPAN.decodeLeg), named("Req r1")].map(
      (span) => span.events,
    );
    expect(events.map(({ length }) => length)).toEqual([0, 1, 0]);
    expect(events[1]).toMatchObject([
      { name: EVENT.error, attributes: { [ATTR.errorMessage]: error.message } },
    ]);
    expect(router.counts).toMatchObject({ open: 0, unclosed: 0 });
  });

  test("keeps the events that came before it", () => {
    const { router, named } = setUp();
    const root = router.startRequest("r1", undefined);
    const leg = root.stage(SPAN.decodeLeg);
    leg.event(EVENT.firstToken);
    leg.fail(error);
    root.fail(error);
    expect(named(SPAN.decodeLeg).events.map(({ name }) => name)).toEqual([EVENT.firstToken, EVENT.error]);
  });

  test("by the client's leaving has its code and no ERROR", () => {
    const { router, named } = setUp();
    router.startRequest("r1", undefined).fail(new BatonError("canceled", "The client left"));
    expect(named("Req r1")).toMatchObject({
      status: { code: "unset" },
      attributes: { [ATTR.errorType]: "canceled" },
      events: [],
    });
  });
});

describe("what crosses a process", () => {
  test("names the node that it was taken from, its level and the latest first-level slice", () => {
    const { router, named, thread } = setUp();
    const root = router.startRequest("r1", CLIENT, {}, { level: 2 });
    const early = parseHeader(root.header!)!;
    const slice = root.stage(SPAN.prefillLeg);
    const [ofSlice, ofRoot] = [parseHeader(slice.header!)!, parseHeader(root.header!)!];
    slice.end();
    root.end();
    expect(early).toMatchObject({ context: { spanId: thread("Router").spanId }, carried: { level: 2 } });
    expect(early.carried?.previous).toBeUndefined();
    const { spanId } = named(SPAN.prefillLeg);
    expect(ofSlice).toMatchObject({ context: { spanId }, carried: { level: 2, previous: spanId } });
    expect(ofRoot).toMatchObject({
      context: { spanId: thread("Router").spanId },
      carried: { previous: spanId },
    });
  });

  test("is continued below the span that it names", () => {
    const { worker, thread, named } = setUp();
    worker.continueRequest(SPAN.prefill, CLIENT).end();
    expect(thread("Prefill Worker 0").parentSpanId).toBe(CLIENT_SPAN);
    expect(named(SPAN.prefill).parentSpanId).toBe(thread("Prefill Worker 0").spanId);
  });

  test("being nothing, or unsampled, starts nothing in a worker", () => {
    const { worker, spans } = setUp();
    const unsampled = formatHeader({ ...parseHeader(CLIENT)!.context, traceFlags: 0 });
    for (const header of [undefined, unsampled]) {
      const part = worker.continueRequest(SPAN.prefill, header);
      part.stage(SPAN.prefillForward).end();
      expect(part.header).toEqual(header);
      part.end();
    }
    expect(spans).toEqual([]);
    expect(worker.open).toBe(0);
  });
});
