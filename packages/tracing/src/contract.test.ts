import { describe, expect, test } from "@jest/globals";
import { type ContractOptions, checkTrace, type ViolationKind } from "./contract.ts";
import { type ExportedSpan, groupTraces } from "./exported-span.ts";
import { formatTree } from "./format-tree.ts";
import { ATTR, SPAN } from "./names.ts";

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

/** A healthy trace, by span id. */
const HEALTHY: Readonly<Record<string, ExportedSpan>> = {
  root: span("root", undefined, "Req r1", { kind: "server" }),
  tok: span("tok", "root", SPAN.tokenize, { at: [1, 2] }),
  pl: span("pl", "root", SPAN.prefillLeg, { at: [3, 60] }),
  pc: span("pc", "pl", "grpc.Prefill", { at: [4, 59], kind: "client", attributes: { [ATTR.grpcStatus]: 0 } }),
  ps: span("ps", "pc", "grpc.Prefill", { at: [5, 58], kind: "server", resource: PREFILL }),
  p: span("p", "ps", SPAN.prefill, { at: [6, 57], resource: PREFILL, attributes: room }),
  dl: span("dl", "root", SPAN.decodeLeg, { at: [3, 90] }),
  dc: span("dc", "dl", "grpc.Generate", {
    at: [4, 89],
    kind: "client",
    attributes: { [ATTR.grpcStatus]: 0 },
  }),
  ds: span("ds", "dc", "grpc.Generate", { at: [5, 88], kind: "server", resource: DECODE }),
  d: span("d", "ds", SPAN.decode, { at: [6, 87], resource: DECODE, attributes: room }),
};

/** The healthy trace with some spans changed, added or (undefined) left out. */
function trace(changes: Readonly<Record<string, Partial<ExportedSpan> | undefined>> = {}): ExportedSpan[] {
  const kept = Object.entries(HEALTHY).filter(([id]) => !(id in changes && changes[id] === undefined));
  const changed = kept.map(([id, healthy]) => ({ ...healthy, ...changes[id] }));
  const added = Object.keys(changes).filter((id) => !(id in HEALTHY));
  return [...changed, ...added.map((id) => ({ ...span(id, "root", "extra"), ...changes[id] }))];
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
    expect(checkTrace(trace(), { outcome: "success" })).toEqual([]);
  });

  test("may continue a span of the client", () => {
    const spans = trace({ root: { parentSpanId: CLIENT_SPAN } });
    expect(kinds(spans, { externalParents: [CLIENT_SPAN] })).toEqual([]);
  });

  test("may lack the part of a worker that died", () => {
    expect(kinds(trace({ ps: undefined, p: undefined }))).toEqual([]);
  });

  test("may have no rooms where one worker does both roles", () => {
    const spans = trace({ pl: undefined, pc: undefined, ps: undefined, p: undefined, d: { attributes: {} } });
    expect(kinds(spans, { rooms: false })).toEqual([]);
  });

  test("may have clocks apart by the tolerance, between processes", () => {
    expect(kinds(trace({ ps: { startNs: at(-1) } }))).toEqual([]);
  });

  test("may have a server that outlives a call that was cut off", () => {
    const cut = { attributes: { [ATTR.grpcStatus]: 1 } };
    const longer = { endNs: at(300) };
    expect(kinds(trace({ dc: cut, ds: longer, d: { endNs: at(299) } }))).toEqual([]);
  });
});

describe("a violation is found where", () => {
  const cases: readonly [string, ViolationKind, ExportedSpan[], ContractOptions?][] = [
    ["there is nothing", "empty", []],
    ["two traces are mixed", "mixed_traces", trace({ tok: { traceId: "t2" } })],
    ["a span id is used twice", "duplicate_id", [...trace(), span("tok", "root", "again", { at: [1, 2] })]],
    ["there is no root", "no_root", trace({ root: { parentSpanId: "tok" } })],
    ["there are two roots", "several_roots", trace({ tok: { parentSpanId: undefined } })],
    ["the root is not a request", "root_name", trace({ root: { name: "grpc.Check" } })],
    ["a parent is missing", "orphan", trace({ ds: undefined })],
    ["the client's span is not expected", "orphan", trace({ tok: { parentSpanId: CLIENT_SPAN } })],
    ["a span ends before its start", "negative_duration", trace({ tok: { startNs: at(2), endNs: at(1) } })],
    ["a child starts before its parent", "outside_parent", trace({ p: { startNs: at(4.999) } })],
    ["a child ends after its parent", "outside_parent", trace({ p: { endNs: at(58.001) } })],
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
        d: { endNs: at(60) },
      }),
    ],
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

test("a cancellation is an outcome of its own", () => {
  expect(kinds(trace({ root: error("canceled", "unset") }), { outcome: "canceled" })).toEqual([]);
});

test("spans are grouped by trace in the order in which the traces were seen", () => {
  const other = span("x", undefined, "Req r2", { traceId: "t2" });
  expect([...groupTraces([other, ...trace()]).keys()]).toEqual(["t2", "t1"]);
});

test("a tree is printed with times, nesting, processes and what went wrong, orphans at the margin", () => {
  const spans = trace({
    pl: undefined,
    pc: undefined,
    ps: undefined,
    dl: undefined,
    dc: undefined,
    ds: undefined,
    d: { ...error("kv_mismatch"), parentSpanId: "root" },
    tok: { attributes: { [ATTR.unclosed]: true } },
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
