import { BatonError, sequenceId, systemClock } from "@baton/core";
import type { EngineEvent } from "@baton/engine";
import { createMetrics, type Metrics, type MetricsRole } from "@baton/metrics";
import { parseExposition } from "@baton/metrics/testing";
import { expect, test } from "@jest/globals";
import { LegFigures } from "./leg-figures.ts";

const USAGE = { promptTokens: 64, cachedTokens: 16, completionTokens: 2 };
const id = sequenceId("sequence");

/** Events of one sequence whose n-th instant is n * 10 ms after the start. */
function eventsFrom(start: number) {
  const at = (n: number) => start + n * 10;
  return {
    prefillStart: (n: number): EngineEvent => ({
      type: "prefill-start",
      sequenceId: id,
      cachedTokens: 16,
      at: at(n),
    }),
    token: (index: number, n: number): EngineEvent => ({
      type: "token",
      sequenceId: id,
      tokenId: 7,
      index,
      at: at(n),
    }),
    decodeStart: (n: number): EngineEvent => ({ type: "decode-start", sequenceId: id, at: at(n) }),
    finished: (n: number): EngineEvent => ({ type: "finished", sequenceId: id, reason: "length", at: at(n) }),
    summary: (from: number, to: number) => ({
      tokens: 64,
      bytes: 4096,
      frames: 2,
      startedAt: at(from),
      endedAt: at(to),
    }),
  };
}

function leg(role: MetricsRole) {
  const metrics = createMetrics(role);
  const figures = new LegFigures(metrics, undefined);
  return { metrics, figures, events: eventsFrom(systemClock.now()) };
}

async function countOf(metrics: Metrics, name: string): Promise<number | undefined> {
  return parseExposition((await metrics.expose()).body).samples.find((sample) => sample.name === name)?.value;
}

test("a prefill leg has waited, computed and sent, and has not decoded", async () => {
  const { metrics, figures, events } = leg("prefill");
  figures.engineEvent(events.prefillStart(1));
  figures.met();
  figures.engineEvent(events.token(0, 3));
  figures.engineEvent(events.finished(3));
  figures.transferred(events.summary(2, 5));
  const timings = figures.succeeded(USAGE);
  expect(timings.bootstrapMs).toBeGreaterThan(0);
  expect(timings.prefillWaitMs).toBeCloseTo(10, 0);
  expect(timings.firstTokenMs).toBeCloseTo(30, 0);
  expect(timings).toMatchObject({ prefillMs: 20, transferMs: 30, decodeWaitMs: 0, decodeMs: 0 });
  expect(await countOf(metrics, "baton_time_to_first_token_seconds_count")).toBe(1);
  expect(await countOf(metrics, "baton_kv_transfer_bytes_total")).toBe(4096);
});

test("a decode leg has waited from the complete KV on, and decoded until the end", async () => {
  const { metrics, figures, events } = leg("decode");
  figures.met();
  figures.transferred(events.summary(2, 5));
  figures.engineEvent(events.token(0, 6));
  figures.engineEvent(events.decodeStart(7));
  figures.engineEvent(events.token(1, 9));
  figures.engineEvent(events.finished(9));
  const timings = figures.succeeded(USAGE);
  expect(timings).toMatchObject({
    prefillWaitMs: 0,
    prefillMs: 0,
    transferMs: 30,
    decodeWaitMs: 20,
    decodeMs: 20,
  });
  expect(await countOf(metrics, "baton_inter_token_latency_seconds_count")).toBe(1);
  expect(await countOf(metrics, "baton_inter_token_latency_seconds_sum")).toBeCloseTo(0.03);
});

test("a leg that does both has every part but a hand-over", () => {
  const { figures, events } = leg("aggregated");
  figures.engineEvent(events.prefillStart(1));
  figures.engineEvent(events.token(0, 3));
  figures.engineEvent(events.decodeStart(4));
  figures.engineEvent(events.token(1, 6));
  figures.engineEvent(events.finished(6));
  const timings = figures.succeeded(USAGE);
  expect(timings).toMatchObject({
    bootstrapMs: 0,
    prefillMs: 20,
    transferMs: 0,
    decodeWaitMs: 10,
    decodeMs: 20,
  });
});

test("a leg that fails without output has no time to the first token", async () => {
  const { metrics, figures, events } = leg("decode");
  figures.met();
  figures.transferred(events.summary(2, 5));
  figures.failed(new BatonError("canceled", "The caller left"));
  expect(await countOf(metrics, "baton_time_to_first_token_seconds_count")).toBe(0);
  expect(await countOf(metrics, "baton_request_failures_total")).toBe(1);
});
