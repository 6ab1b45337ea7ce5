import { rootSpan, span } from "@baton/trace-store/testing";
import type { ExportedSpan } from "@baton/tracing";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type PerfettoEvent, toPerfetto } from "./perfetto.ts";

const ofKind = (spans: readonly ExportedSpan[], ph: PerfettoEvent["ph"]) =>
  toPerfetto(spans).traceEvents.filter((event) => event.ph === ph);
const worker = {
  "service.name": "baton-prefill-worker",
  "service.instance.id": "prefill-0",
  "process.pid": 9,
};

describe("toPerfetto", () => {
  test("makes a process of each process, named for people", () => {
    const names = ofKind([rootSpan("r1"), span({ spanId: "a", resource: worker })], "M");
    expect(names.map(({ name, pid, tid, args }) => [name, pid, tid, args?.name])).toEqual([
      ["process_name", 1, 0, "baton-router (router pid 1)"],
      ["thread_name", 1, 1, "lane 1"],
      ["process_name", 2, 0, "baton-prefill-worker (prefill-0 pid 9)"],
      ["thread_name", 2, 1, "lane 1"],
    ]);
  });

  test("counts time from the first start, in microseconds, and keeps attributes and ids", () => {
    const at = 1_700_000_000_000;
    const root = rootSpan("r1", { startMs: at, endMs: at + 2, attributes: { a: 1 } });
    const [slice] = ofKind([root], "X");
    expect(slice).toMatchObject({ name: "Req r1", ts: 0, dur: 2000, args: { a: 1, span_id: "root" } });
  });

  test("draws events as instants on their slice's row", () => {
    const events = [{ name: "first_token", timeNs: 500_000n, attributes: { n: 1 } }];
    expect(ofKind([rootSpan("r1", { events })], "i")).toEqual([
      { ph: "i", name: "first_token", cat: "event", pid: 1, tid: 1, ts: 500, s: "t", args: { n: 1 } },
    ]);
  });

  test("draws an arrow per link that leads to a span, and per call into another process", () => {
    const links = [
      { traceId: "t1", spanId: "a", attributes: {} },
      { traceId: "t1", spanId: "gone", attributes: {} },
    ];
    const spans = [
      rootSpan("r1", { endMs: 10 }),
      span({ spanId: "a", parentSpanId: "root", startMs: 1, endMs: 3 }),
      span({ spanId: "b", parentSpanId: "root", startMs: 5, endMs: 6, links }),
      span({ spanId: "c", parentSpanId: "a", startMs: 2, endMs: 3, resource: worker }),
    ];
    const arrows = toPerfetto(spans).traceEvents.filter(({ ph }) => ph === "s" || ph === "f");
    expect(arrows.map(({ ph, cat, id, pid, ts }) => [ph, cat, id, pid, ts])).toEqual([
      ["s", "link", 1, 1, 3000],
      ["f", "link", 1, 1, 5000],
      ["s", "call", 3, 1, 2000],
      ["f", "call", 3, 2, 2000],
    ]);
  });

  test("puts concurrent requests, and concurrent stages of one, on rows of their own", () => {
    const spans = ["t1", "t2"].flatMap((traceId) => [
      rootSpan(traceId, { traceId, endMs: 10 }),
      span({ traceId, spanId: "a", parentSpanId: "root", startMs: 1, endMs: 6 }),
      span({ traceId, spanId: "b", parentSpanId: "root", startMs: 4, endMs: 9 }),
    ]);
    expect(new Set(ofKind(spans, "X").map(({ tid }) => tid)).size).toBe(4);
  });

  test("never lets two slices of a row overlap except by one lying in the other, and pairs every arrow", () => {
    const any = fc.record({
      trace: fc.nat(2),
      parent: fc.nat(20),
      start: fc.nat(50),
      length: fc.nat(30),
      link: fc.nat(20),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 20 }), (list) => {
        const spans = list.map(({ trace, parent, start, length, link }, i) =>
          span({
            traceId: `t${trace}`,
            spanId: `${i}`,
            parentSpanId: `${parent}`,
            startMs: start,
            endMs: start + length,
            links: [{ traceId: `t${trace}`, spanId: `${link}`, attributes: {} }],
            resource: { "process.pid": i % 2 },
          }),
        );
        const { traceEvents } = JSON.parse(JSON.stringify(toPerfetto(spans)));
        expectRowsWithoutOverlap(traceEvents);
        expectPairedArrows(traceEvents);
      }),
    );
  });
});

function expectRowsWithoutOverlap(events: readonly PerfettoEvent[]): void {
  const slices = events.filter(({ ph }) => ph === "X");
  for (const row of Map.groupBy(slices, ({ pid, tid }) => `${pid}/${tid}`).values()) {
    for (const a of row) {
      for (const b of row) {
        if (a === b || b.ts! < a.ts! || b.ts! >= a.ts! + a.dur!) continue;
        if (b.ts === a.ts && b.dur! > a.dur!) continue; // Then b is the outer one: judged the other way round.
        expect(b.ts! + b.dur!).toBeLessThanOrEqual(a.ts! + a.dur! + 0.01);
      }
    }
  }
}

function expectPairedArrows(events: readonly PerfettoEvent[]): void {
  const starts = events.filter(({ ph }) => ph === "s");
  const ends = new Map(events.filter(({ ph }) => ph === "f").map((event) => [event.id, event]));
  expect(ends.size).toBe(starts.length);
  for (const start of starts) expect(ends.get(start.id)!.ts!).toBeGreaterThanOrEqual(start.ts!);
}
