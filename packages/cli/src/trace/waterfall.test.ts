import { rootSpan, span } from "@baton/trace-store/testing";
import { ATTR } from "@baton/tracing";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { formatWaterfall, milliseconds } from "./waterfall.ts";

const prefill = { "service.instance.id": "prefill-0" };
const trace = [
  rootSpan("r1", { endMs: 100 }),
  span({
    spanId: "b",
    parentSpanId: "root",
    name: "baton.v1.PrefillWorker/Prefill",
    kind: "client",
    startMs: 25,
    endMs: 75,
    resource: prefill,
  }),
  span({ spanId: "a", parentSpanId: "root", name: "tokenize", startMs: 0, endMs: 25 }),
];
const options = { width: 80, color: false, all: false };

describe("formatWaterfall", () => {
  test("draws each span's bar at its place in the whole, in the order of time", () => {
    expect(formatWaterfall(trace, options)).toBe(
      [
        "Req r1                           router    100.0 ms  ███████████████████████████",
        "  tokenize                       router     25.0 ms  ███████",
        "  PrefillWorker/Prefill [client] prefill-0  50.0 ms        ██████████████",
      ].join("\n"),
    );
  });

  test("gives each process a colour, and errors red, only where colours are wanted", () => {
    const attributes = { [ATTR.errorType]: "worker_lost" };
    const failed = [...trace, span({ spanId: "c", parentSpanId: "root", name: "decode", attributes })];
    const lines = formatWaterfall(failed, { ...options, color: true }).split("\n");
    const colors = lines.map((line) => line.split("\u001b[")[1]?.slice(0, 2));
    expect(colors).toEqual(["36", "36", "31", "33"]);
    expect(lines[2]).toContain("decode ✗ worker_lost");
    expect(formatWaterfall(failed, options)).not.toContain("\u001b");
  });

  test("folds many small siblings of one name into a line, unless all are wanted", () => {
    const chunks = Array.from({ length: 4 }, (_, i) =>
      span({ spanId: `${i}`, parentSpanId: "root", name: "kv_send", startMs: i * 10, endMs: i * 10 + 5 }),
    );
    const lines = formatWaterfall([...trace, ...chunks], options).split("\n");
    expect(lines).toHaveLength(4);
    expect(lines.find((line) => line.includes("kv_send ×4"))).toContain("35.0 ms");
    expect(formatWaterfall([...trace, ...chunks], { ...options, all: true }).split("\n")).toHaveLength(7);
    expect(formatWaterfall([...trace, ...chunks.slice(1)], options).split("\n")).toHaveLength(6);
  });

  test("shows an orphan as a tree of its own", () => {
    const lines = formatWaterfall([...trace, span({ spanId: "x", parentSpanId: "gone" })], options);
    expect(lines).toMatch(/^stage /m);
  });

  test("keeps what a terminal would act on out of its lines", () => {
    expect(formatWaterfall([rootSpan("r1", { name: "a\u001b[2Jb" })], options)).toContain("a�[2Jb");
  });

  test("never writes a line longer than the width", () => {
    const times = fc.record({ startMs: fc.nat(1000), length: fc.nat(1000), name: fc.string() });
    fc.assert(
      fc.property(fc.array(times), fc.integer({ min: 60, max: 200 }), (stages, width) => {
        const spans = stages.map(({ startMs, length, name }, i) =>
          span({ spanId: `${i}`, parentSpanId: `${i - 1}`, name, startMs, endMs: startMs + length }),
        );
        for (const line of formatWaterfall(spans, { ...options, width, all: true }).split("\n"))
          expect(line.length).toBeLessThanOrEqual(width);
      }),
    );
  });
});

test.each([
  [1_234_567n, "1.23 ms"],
  [12_345_678n, "12.3 ms"],
  [1_234_567_890n, "1235 ms"],
])("%d ns are written as %s", (ns, text) => {
  expect(milliseconds(ns)).toBe(text);
});
