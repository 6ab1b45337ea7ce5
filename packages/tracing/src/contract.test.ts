import { describe, expect, test } from "@jest/globals";
import { type ContractOptions, checkTrace } from "./contract.ts";
import type { ViolationKind } from "./contract-tree.ts";
import { type ExportedSpan, groupTraces } from "./exported-span.ts";
import { formatTree } from "./format-tree.ts";
import { ATTR, SPAN, STANDALONE } from "./names.ts";

const ROUTER = { "service.instance.id": "router", "process.pid": 1 };
const PREFILL = { "service.instance.id": "prefill-0", "process.pid": 2 };
const DECODE = { "service.instance.id": "decode-0", "process.pid": 3 };
const CLIENT_SPAN = "c11e0000c11e0000";

/** Milliseconds to epoch nanoseconds. */
const at = (ms: number) => 1_700_000_000_000_000_000n + BigInt(Math.round(ms * 1e6));

interface SpanFields extends Partial<ExportedSpan> {
  readonly at?: readonly [number, number];
}

function span(
  spanId: string,
  parentSpanId: string | undefined,
  name: string,
  fields: SpanFields = {},
): ExportedSpan {
  const { at: [start, end] = [0, 100], ...rest } = fields;
  return {
    traceId: "t1",
    spanId,
    parentSpanId,
    name,
    kind: "internal",
    startNs: at(start),
    endNs: at(end),
    status: { code: "unset", message: "" },
    attributes: {},
    resource: ROUTER,
    flags: 1,
    traceState: "",
    links: [],
    events: [],
    ...rest,
  };
}

const room = { [ATTR.bootstrapRoom]: "00000000000000aa" };

const thread = (threadLabel: string, attributes: object = {}) => ({
  attributes: { [ATTR.threadLabel]: threadLabel, ...attributes },
});
const ok = { attributes: { [ATTR.grpcStatus]: "OK" } };
const link = (spanId: string, traceId = "t1") => ({ traceId, spanId, attributes: {} });

/** A healthy trace, by span id. */
const HEALTHY: Readonly<Record<string, ExportedSpan>> = {
  root: span("root", undefined, "Req r1", { kind: "server" }),
  rt: span("rt", "root", "Router (host:0 | pid:1)", thread("Router")),
  tok: span("tok", "rt", SPAN.tokenize, { at: [1, 2] }),
  pl: span("pl", "rt", SPAN.prefillLeg, { at: [3, 60], links: [link("tok")] }),
  pc: span("pc", "pl", "Prefill", { at: [4, 59], kind: "client", ...ok }),
  ps: span("ps", "pc", "Prefill", { at: [5, 58], kind: "server", resource: PREFILL }),
  pt: span("pt", "ps", "Prefill Worker 0 (host:0 | pid:2)", {
    ...thread("Prefill Worker 0", room),
    at: [5.5, 57.5],
    resource: PREFILL,
  }),
  p: span("p", "pt", SPAN.prefill, {
    at: [6, 57],
    resource: PREFILL,
    attributes: room,
    links: [link("pl")],
  }),
  dl: span("dl", "rt", SPAN.decodeLeg, { at: [3, 90], links: [link("pl")] }),
  dc: span("dc", "dl", "Generate", { at: [4, 89], kind: "client", ...ok }),
  ds: span("ds", "dc", "Generate", { at: [5, 88], kind: "server", resource: DECODE }),
  dt: span("dt", "ds", "Decode Worker 0 (host:0 | pid:3)", {
    ...thread("Decode Worker 0", room),
    at: [5.5, 87.5],
    resource: DECODE,
  }),
  d: span("d", "dt", SPAN.decode, {
    at: [6, 87],
    resource: DECODE,
    attributes: room,
    links: [link("dl")],
  }),
};

/** What is left of it at level 1. */
const LEVEL_1 = [
  HEALTHY.root!,
  HEALTHY.rt!,
  { ...HEALTHY.pt!, parentSpanId: "rt" },
  { ...HEALTHY.dt!, parentSpanId: "rt" },
];

/** The healthy trace with some spans changed, added or (undefined) left out. */
function trace(changes: Readonly<Record<string, Partial<ExportedSpan> | undefined>> = {}): ExportedSpan[] {
  const kept = Object.entries(HEALTHY).filter(([id]) => !(id in changes && changes[id] === undefined));
  const changed = kept.map(([id, healthy]) => ({ ...healthy, ...changes[id] }));
  const added = Object.keys(changes).filter((id) => !(id in HEALTHY));
  return [...changed, ...added.map((id) => ({ ...span(id, "rt", "extra"), ...changes[id] }))];
}

function kinds(spans: readonly ExportedSpan[], options: ContractOptions = {}): ViolationKind[] {
  return checkTrace(spans, options).map(({ kind }) => kind);
}

const error = (errorType: string | undefined, code: "unset" | "error" = "error") => ({
  status: { code, message: "" },
  attributes: errorType === undefined ? {} : { [ATTR.errorType]: errorType },
});

describe("a trace that keeps the contract", () => {
  test("has no violation", () => {
    expect(checkTrace(trace(), { outcome: "success", level: 2 })).toEqual([]);
  });

  test("has thread spans only at level 1", () => {
    expect(checkTrace(LEVEL_1, { outcome: "success", level: 1 })).toEqual([]);
  });

  test("may continue a span of the client", () => {
    const spans = trace({ root: { parentSpanId: CLIENT_SPAN } });
    expect(kinds(spans, { externalParents: [CLIENT_SPAN] })).toEqual([]);
  });

  test("may lack the part of a worker that died", () => {
    expect(kinds(trace({ ps: undefined, pt: undefined, p: undefined }))).toEqual([]);
    const linked = trace({ ps: undefined, pt: undefined, p: undefined, d: { links: [link("p")] } });
    expect(kinds(linked, { outcome: "success", lostParts: true })).toEqual([]);
  });

  test("may have no rooms where one worker does both roles", () => {
    const left = { pl: undefined, pc: undefined, ps: undefined, pt: undefined, p: undefined };
    const spans = trace({ ...left, d: { attributes: {} } });
    expect(kinds(spans, { rooms: false })).toEqual([]);
  });

  test("may have clocks apart by the tolerance, between processes", () => {
    expect(kinds(trace({ ps: { startNs: at(-1) } }))).toEqual([]);
  });

  test("may have a server that outlives a call that was cut off", () => {
    const cut = { attributes: { [ATTR.grpcStatus]: "CANCELLED" } };
    const [ds, dt, d] = [{ endNs: at(300) }, { endNs: at(299) }, { endNs: at(298) }];
    expect(kinds(trace({ dc: cut, ds, dt, d }))).toEqual([]);
  });

  test("may have a worker that outlives a request that failed, where gRPC has no spans", () => {
    const [root, ...others] = LEVEL_1;
    const longer = others.map((span) => (span.spanId === "dt" ? { ...span, endNs: at(300) } : span));
    expect(kinds([{ ...root!, ...error("canceled", "unset") }, ...longer])).toEqual([]);
    expect(kinds([root!, ...longer])).toEqual(["outside_parent"]);
  });
});

describe("a violation is found where", () => {
  const cases: readonly [string, ViolationKind, ExportedSpan[], ContractOptions?][] = [
    ["there is nothing", "empty", []],
    ["two traces are mixed", "mixed_traces", trace({ tok: { traceId: "t2" } })],
    ["a span id is used twice", "duplicate_id", [...trace(), span("tok", "rt", "again", { at: [1, 2] })]],
    ["there is no root", "no_root", trace({ root: { parentSpanId: "tok" } })],
    ["there are two roots", "several_roots", trace({ tok: { parentSpanId: undefined } })],
    ["the root is not a request", "root_name", trace({ root: { name: "Check" } })],
    ["a parent is missing", "orphan", trace({ ds: undefined })],
    ["the client's span is not expected", "orphan", trace({ tok: { parentSpanId: CLIENT_SPAN } })],
    ["a span ends before its start", "negative_duration", trace({ tok: { startNs: at(2), endNs: at(1) } })],
    ["a child starts before its parent", "outside_parent", trace({ p: { startNs: at(5.499) } })],
    ["a child ends after its parent", "outside_parent", trace({ p: { endNs: at(57.501) } })],
    ["a server outlives a call that ended well", "outside_parent", trace({ dc: { endNs: at(70) } })],
    [
      "clocks differ by more than the tolerance",
      "outside_parent",
      trace({ ps: { startNs: at(1) } }),
      { clockToleranceMs: 2 },
    ],
    [
      "decode hangs below prefill",
      "nested_legs",
      trace({
        dl: { parentSpanId: "pl", endNs: at(60) },
        dc: { endNs: at(60) },
        ds: { endNs: at(60) },
        dt: { endNs: at(60) },
        d: { endNs: at(60) },
      }),
    ],
    [
      "decode hangs below prefill at level 1",
      "nested_legs",
      LEVEL_1.map((span) => (span.spanId === "dt" ? { ...span, parentSpanId: "pt" } : span)),
    ],
    ["the router has no thread span", "thread", trace({ rt: { attributes: {} } })],
    ["a stage hangs beside its thread span", "thread", trace({ p: { parentSpanId: "ps" } })],
    [
      "a process has a thread span below a thread span",
      "thread",
      trace({ p: thread("Prefill Worker 0", room) }),
    ],
    ["a stage is above the level", "level", trace(), { level: 1 }],
    ["a nested stage is above the level", "level", trace({ x: { name: SPAN.kvSend } }), { level: 2 }],
    [
      "a link leads out of the trace",
      "link",
      trace({ pl: { links: [link("tok", "t2")] } }),
      { lostParts: true },
    ],
    ["a link leads nowhere", "link", trace({ pl: { links: [link("nobody")] } }), { outcome: "success" }],
    ["a part has no room", "missing_room", trace({ p: { attributes: {} } })],
    [
      "the parts have different rooms",
      "room_mismatch",
      trace({ p: { attributes: { [ATTR.bootstrapRoom]: "bb" } } }),
    ],
    ["a parent had to end a span", "unclosed", trace({ tok: { attributes: { [ATTR.unclosed]: true } } })],
    ["an unsampled span was exported", "flags", trace({ tok: { flags: 0x100 } })],
    ["an error was hidden", "outcome", trace(), { outcome: "error" }],
    ["an error was made up", "outcome", trace({ root: error("internal") }), { outcome: "success" }],
    [
      "an error has no code of the closed list",
      "outcome",
      trace({ root: error("Oops") }),
      { outcome: "error" },
    ],
    ["an error has no status", "outcome", trace({ root: error("internal", "unset") }), { outcome: "error" }],
    [
      "a cancellation is shown as an error",
      "outcome",
      trace({ root: error("canceled") }),
      { outcome: "canceled" },
    ],
  ];

  test.each(cases.map(([where, kind, spans, options = {}]) => ({ where, kind, spans, options })))(
    "$where: $kind",
    ({ kind, spans, options }) => {
      expect(kinds(spans, options)).toContain(kind);
    },
  );
});

describe("a trace that is no request's", () => {
  const step = (fields: SpanFields = {}) =>
    span("s", undefined, STANDALONE.engineStep, { traceId: "s1", ...fields });

  test("is one span that links to what it served", () => {
    expect(kinds([step({ links: [link("d")] })])).toEqual([]);
    expect(kinds([span("w", undefined, STANDALONE.workersChanged)])).toEqual([]);
  });

  test.each([
    ["has more than one span", [step({ links: [link("d")] }), span("x", "s", "extra", { traceId: "s1" })]],
    ["served nothing", [step()]],
    ["links to itself", [step({ links: [link("d", "s1")] })]],
  ])("is refused where it %s", (_why, spans) => {
    expect(kinds(spans)).toEqual(["standalone"]);
  });
});

test("a cancellation is an outcome of its own", () => {
  expect(kinds(trace({ root: error("canceled", "unset") }), { outcome: "canceled" })).toEqual([]);
});

test("spans are grouped by trace in the order in which the traces were seen", () => {
  const other = span("x", undefined, "Req r2", { traceId: "t2" });
  expect([...groupTraces([other, ...trace()]).keys()]).toEqual(["t2", "t1"]);
});

test("a tree is printed with times, nesting, processes and what went wrong, orphans at the margin", () => {
  const spans = trace({
    rt: undefined,
    pl: undefined,
    pc: undefined,
    ps: undefined,
    pt: undefined,
    dl: undefined,
    dc: undefined,
    ds: undefined,
    dt: undefined,
    d: { ...error("kv_mismatch"), parentSpanId: "root" },
    tok: { attributes: { [ATTR.unclosed]: true }, parentSpanId: "root" },
  });
  expect(formatTree(spans)).toBe(
    [
      "     0.000 +   100.000 ms  Req r1 [server]  (router pid 1)",
      "     1.000 +     1.000 ms    tokenize  (router pid 1, unclosed)",
      "     6.000 +    81.000 ms    decode  (decode-0 pid 3, kv_mismatch)",
      "     6.000 +    51.000 ms  prefill  (prefill-0 pid 2)",
    ].join("\n"),
  );
});
