import { BatonError, type ExternalTraceHeader } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseHeader } from "./carrier.ts";
import { checkTrace } from "./contract.ts";
import type { ExportedSpan } from "./exported-span.ts";
import type { TraceLevel } from "./level.ts";
import { ATTR, SPAN } from "./names.ts";
import { OtelRequestTracer, type OtelRequestTracerOptions } from "./otel-request-tracer.ts";
import type { Stage, StageObserver } from "./request-trace.ts";
import { collectSpans, HandClock } from "./test-support/span-collector.ts";
import { threadIdentity } from "./thread-identity.ts";

const SAMPLED: ExternalTraceHeader = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const UNSAMPLED: ExternalTraceHeader = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
};

const ROUTER = threadIdentity("Router", "router");

function setUp(level: TraceLevel = 3, options: Partial<OtelRequestTracerOptions> = {}) {
  const { tracer, ids, spans } = collectSpans();
  const clock = new HandClock();
  const misuses: [string, string][] = [];
  const onMisuse = (kind: string, stage: string) => void misuses.push([kind, stage]);
  const requests = new OtelRequestTracer({ tracer, ids, level, clock, thread: ROUTER, onMisuse, ...options });
  const named = (name: string): ExportedSpan => {
    const found = spans.find((span) => span.name === name);
    if (!found) throw new Error(`No span "${name}" among ${spans.map((span) => span.name).join(", ")}`);
    return found;
  };
  return { requests, spans, clock, named, misuses };
}

describe("structure", () => {
  test("a request without a client's trace starts a trace of its own", () => {
    const { requests, named } = setUp();
    requests.startRequest("r1", undefined, { [ATTR.requestId]: "r1" }).end();
    expect(named("Req r1")).toMatchObject({
      parentSpanId: undefined,
      kind: "server",
      attributes: { [ATTR.requestId]: "r1" },
    });
  });

  test("a request continues the client's trace, and its header names the router's thread span", () => {
    const { requests, named } = setUp();
    const root = requests.startRequest("r1", { ...SAMPLED, tracestate: "vendor=a" });
    const header = root.header;
    root.end();
    const { traceId, parentSpanId } = named("Req r1");
    expect([traceId, parentSpanId]).toEqual(["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]);
    expect(header).toEqual({
      traceparent: `00-${traceId}-${named(ROUTER.name).spanId}-01`,
      tracestate: "baton=l:3,vendor=a",
    });
  });

  test("a malformed traceparent starts a trace of its own", () => {
    const { requests, named } = setUp();
    requests.startRequest("r1", { traceparent: "00-nonsense" }).end();
    expect(named("Req r1").parentSpanId).toBeUndefined();
  });

  test("another process continues below the header where no gRPC call is active", () => {
    const { requests, named } = setUp();
    requests.continueRequest(SPAN.prefill, SAMPLED, { [ATTR.bootstrapRoom]: "1" }).end();
    expect(named(ROUTER.name)).toMatchObject({
      parentSpanId: "b7ad6b7169203331",
      kind: "internal",
      attributes: { [ATTR.bootstrapRoom]: "1" },
    });
    expect(named(SPAN.prefill)).toMatchObject({
      parentSpanId: named(ROUTER.name).spanId,
      attributes: { [ATTR.bootstrapRoom]: "1" },
    });
  });

  test("links name other spans without making them parents", () => {
    const { requests, named } = setUp();
    const root = requests.startRequest("r1", undefined);
    root
      .stage(SPAN.kvRecv, {
        links: [{ header: SAMPLED, attributes: { seq: 1 } }, { header: { traceparent: "?" } }],
      })
      .end();
    root.end();
    expect(named(SPAN.kvRecv).links).toMatchObject([{ spanId: "b7ad6b7169203331", attributes: { seq: 1 } }]);
    expect(named(SPAN.kvRecv).parentSpanId).toBe(named(ROUTER.name).spanId);
  });

  test("attributes and events land on the node until it ends, and nowhere afterwards", () => {
    const { requests, named } = setUp();
    const root = requests.startRequest("r1", undefined);
    root.setAttributes({ a: 1, none: undefined });
    root.event("first token", { at: 3 });
    root.end({ b: [1, 2] });
    root.setAttributes({ late: true });
    root.event("late");
    expect(named("Req r1").attributes).toEqual({ a: 1, b: [1, 2] });
    expect(named("Req r1").events).toMatchObject([{ name: "first token", attributes: { at: 3 } }]);
  });
});

describe("levels and sampling", () => {
  test("below a stage that is skipped, spans hang on the nearest recorded ancestor", () => {
    const { requests, named, spans } = setUp(2);
    const root = requests.startRequest("r1", undefined);
    const skipped = root.stage(SPAN.kvFindBestMatch);
    expect(skipped.header).toEqual(root.header);
    skipped.stage(SPAN.tokenize).end();
    skipped.record(SPAN.kvSend, 0, 1);
    skipped.end({ lost: true });
    root.end();
    expect(spans).toHaveLength(3);
    expect(named(SPAN.tokenize).parentSpanId).toBe(named(ROUTER.name).spanId);
  });

  test("an unsampled request records nothing, and says so in every header", () => {
    const { requests, spans } = setUp();
    const root = requests.startRequest("r1", UNSAMPLED);
    const stage = root.stage(SPAN.prefillLeg);
    expect(root.header?.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
    expect(stage.header).toEqual(root.header);
    stage.end();
    root.end();
    expect(spans).toEqual([]);
    expect(requests.open).toBe(0);
  });
});

describe("ends", () => {
  test("a node that ends takes what is open below it along, counted, marked and reported (T2)", () => {
    const { requests, named, misuses } = setUp();
    const root = requests.startRequest("r1", undefined);
    const leg = root.stage(SPAN.prefillLeg);
    const stage = leg.stage(SPAN.prefill);
    root.end();
    expect([leg.ended, stage.ended]).toEqual([true, true]);
    expect(named(SPAN.prefill).attributes).toEqual({ [ATTR.unclosed]: true });
    expect(requests.counts).toMatchObject({ open: 0, unclosed: 2, doubleEnds: 0, lateStarts: 0 });
    expect(misuses).toEqual([
      ["unclosed", SPAN.prefillLeg],
      ["unclosed", SPAN.prefill],
    ]);
  });

  test("a second end is counted and changes nothing", () => {
    const { requests, named, spans } = setUp();
    const root = requests.startRequest("r1", undefined);
    root.end();
    root.end({ late: true });
    root.fail(new BatonError("internal", "Cannot happen"));
    expect(spans).toHaveLength(2);
    expect(named("Req r1")).toMatchObject({ attributes: {}, status: { code: "unset" } });
    expect(requests.counts).toMatchObject({ open: 0, doubleEnds: 2 });
  });

  test("a stage that starts below an ended node is counted and not recorded, and still carries the trace on", () => {
    const { requests, spans } = setUp();
    const root = requests.startRequest("r1", undefined);
    root.end();
    const late = root.stage(SPAN.tokenize);
    expect(late.header).toEqual(root.header);
    late.end();
    root.record(SPAN.kvSend, 0, 1);
    expect(spans).toHaveLength(2);
    expect(requests.counts).toMatchObject({ open: 0, lateStarts: 2 });
  });

  test("a failure has its code and the ERROR status, a cancellation only its code", () => {
    const { requests, named } = setUp();
    requests.startRequest("bad", undefined).fail(new BatonError("kv_mismatch", "Cannot use it: wrong size"));
    requests
      .startRequest("gone", undefined)
      .fail(new BatonError("canceled", "Cannot go on: the client left"));
    expect(named("Req bad")).toMatchObject({
      status: { code: "error", message: "Cannot use it: wrong size" },
      attributes: { [ATTR.errorType]: "kv_mismatch" },
    });
    expect(named("Req gone")).toMatchObject({
      status: { code: "unset" },
      attributes: { [ATTR.errorType]: "canceled" },
    });
  });

  test("instants from elsewhere are fitted in between the parent's (T3)", () => {
    const { requests, clock, spans } = setUp();
    const root = requests.startRequest("r1", undefined);
    const start = clock.now();
    clock.advance(10);
    root.record(SPAN.chunkedPrefill, start - 5, start - 7);
    root.stage(SPAN.prefillForward, { startTime: start - 1 }).end({}, start + 30);
    root.end({}, start + 2);
    expect(checkTrace(spans, { rooms: false })).toEqual([]);
  });
});

describe("the observer", () => {
  test("hears of every stage, recorded or not, with its duration and the span that an exemplar can name", () => {
    const { tracer, spans } = collectSpans();
    const clock = new HandClock();
    const heard: [string, number, string | undefined][] = [];
    const observer: StageObserver = {
      stageEnded: (name, seconds, header) => heard.push([name, seconds, header?.traceparent.slice(36, 52)]),
    };
    const root = new OtelRequestTracer({ tracer, level: 2, clock, observer, thread: ROUTER }).startRequest(
      "r1",
      undefined,
    );
    const stage = root.stage(SPAN.prefillRouting);
    clock.advance(250);
    stage.record(SPAN.kvSend, clock.now(), clock.now() + 500);
    stage.fail(new BatonError("internal", "Cannot go on"), clock.now() + 750);
    root.end();
    const { spanId } = spans.find(({ name }) => name === SPAN.prefillRouting)!;
    expect(heard).toEqual([
      [SPAN.kvSend, 0.5, spanId],
      [SPAN.prefillRouting, 1, spanId],
    ]);
  });

  test("hears of the stages of an unsampled request", () => {
    const heard: [string, string | undefined][] = [];
    const observer: StageObserver = {
      stageEnded: (name, _seconds, header) => heard.push([name, header?.traceparent.slice(-2)]),
    };
    const tracer = new OtelRequestTracer({
      tracer: collectSpans().tracer,
      level: 3,
      observer,
      thread: ROUTER,
    });
    const root = tracer.startRequest("r1", UNSAMPLED);
    root.stage(SPAN.tokenize).end();
    root.end();
    expect(heard).toEqual([[SPAN.tokenize, "00"]]);
  });
});

describe("context", () => {
  test("run passes the span's context to synchronous work only", () => {
    const { requests } = setUp();
    const root = requests.startRequest("r1", undefined);
    expect(root.run(() => 7)).toBe(7);
    expect(() =>
      root.run(() => {
        throw new Error("of the caller");
      }),
    ).toThrow("of the caller");
    root.end();
  });

  test("a header of ours is one that we read", () => {
    const { requests } = setUp();
    const root = requests.startRequest("r1", SAMPLED);
    expect(root.header && parseHeader(root.header)).toMatchObject({
      context: { traceFlags: 1 },
      carried: { level: 3 },
    });
    root.end();
  });
});

test("whatever is done to a request's nodes, its trace keeps the contract once the root has ended", () => {
  const name = fc.constantFrom(
    ...Object.values(SPAN).filter((span) => span !== SPAN.prefill && span !== SPAN.decode),
  );
  const target = fc.nat();
  const shift = fc.integer({ min: -20, max: 20 });
  const step = fc.oneof(
    fc.record({ do: fc.constant("stage" as const), target, name, shift }),
    fc.record({ do: fc.constant("record" as const), target, name, shift }),
    fc.record({ do: fc.constant("end" as const), target, name, shift }),
    fc.record({ do: fc.constant("fail" as const), target, name, shift }),
    fc.record({ do: fc.constant("wait" as const), target, name, shift }),
  );
  const level = fc.constantFrom<TraceLevel>(1, 2, 3);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), level, (steps, atLevel) => {
      const { requests, clock, spans } = setUp(atLevel);
      const nodes: [Stage, ...Stage[]] = [requests.startRequest("r1", undefined)];
      for (const { do: action, target: at, name: called, shift: by } of steps) {
        const node = nodes[at % nodes.length] ?? nodes[0];
        const instant = clock.now() + by;
        if (action === "wait") clock.advance(Math.abs(by));
        if (action === "stage") nodes.push(node.stage(called, { startTime: instant }));
        if (action === "record") node.record(called, instant, instant + by);
        if (action === "end" && node !== nodes[0]) node.end({}, instant);
        if (action === "fail" && node !== nodes[0])
          node.fail(new BatonError("internal", "Cannot go on"), instant);
      }
      nodes[0].end();
      for (const late of nodes.filter((node) => !node.ended)) late.end();
      const kinds = checkTrace(spans, { outcome: "success" }).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind !== "unclosed" && kind !== "nested_legs")).toEqual([]);
      expect(requests.open).toBe(0);
    }),
  );
});
