import { NO_TIMINGS, systemClock } from "@baton/core";
import { createMetrics } from "@baton/metrics";
import { expect, test } from "@jest/globals";
import { timingHeader, timingObject } from "./http/timing-header.ts";
import { RequestFigures } from "./request-figures.ts";

const start = () =>
  new RequestFigures({
    metrics: createMetrics("router"),
    header: undefined,
    operation: "chat",
    startedAt: systemClock.now(),
  });

test("the parts of both workers are told side by side", () => {
  const figures = start();
  const answer = figures.answer();
  answer.tokens(1);
  answer.decoded({ ...NO_TIMINGS, transferMs: 3, decodeWaitMs: 4, decodeMs: 5, firstTokenMs: 60 });
  answer.prefilled({ ...NO_TIMINGS, prefillWaitMs: 1, prefillMs: 2, transferMs: 9 });
  const split = figures.split();
  expect(split).toMatchObject({
    prefillWaitMs: 1,
    prefillMs: 2,
    transferMs: 3,
    decodeWaitMs: 4,
    decodeMs: 5,
  });
  expect(split.firstTokenMs).toBeGreaterThan(0);
  expect(split.totalMs).toBeGreaterThanOrEqual(split.firstTokenMs);
});

test("a worker that does both tells of its prefill too", () => {
  const figures = start();
  const answer = figures.answer();
  answer.decoded({ ...NO_TIMINGS, prefillWaitMs: 1, prefillMs: 2, decodeMs: 5 });
  answer.prefilled(undefined);
  expect(figures.split()).toMatchObject({ prefillWaitMs: 1, prefillMs: 2, transferMs: 0, decodeMs: 5 });
});

test("of several choices the first is told, whichever ends last", () => {
  const figures = start();
  const [first, second] = [figures.answer(), figures.answer()];
  first.prefilled({ ...NO_TIMINGS, prefillMs: 20 });
  first.decoded({ ...NO_TIMINGS, decodeMs: 5 });
  second.prefilled({ ...NO_TIMINGS, prefillMs: 1 });
  second.decoded({ ...NO_TIMINGS, decodeMs: 50 });
  expect(figures.split()).toMatchObject({ prefillMs: 20, decodeMs: 5 });
});

test("work is measured where it fails, too, and adds up over several tries", async () => {
  const figures = start();
  expect(() =>
    figures.measure("routingMs", () => {
      throw new Error("no worker");
    }),
  ).toThrow("no worker");
  const { routingMs } = figures.split();
  expect(routingMs).toBeGreaterThan(0);
  figures.measure("routingMs", () => "a worker");
  expect(figures.split().routingMs).toBeGreaterThan(routingMs);
  await expect(figures.measureWait("queueMs", async () => "a place")).resolves.toBe("a place");
  expect(figures.split().queueMs).toBeGreaterThan(0);
});

test("a request without output has no time to the first token", () => {
  expect(start().split().firstTokenMs).toBe(0);
});

test("the header is written as Server-Timing is, the object with its unit; both in whole microseconds", () => {
  const split = {
    queueMs: 0,
    tokenizeMs: 0.12345,
    routingMs: 0.1,
    prefillWaitMs: 1,
    prefillMs: 20.5,
    transferMs: 3,
    decodeWaitMs: 4,
    decodeMs: 50,
    firstTokenMs: 30,
    totalMs: 81,
  };
  expect(timingHeader(split)).toBe(
    "queue;dur=0, tokenize;dur=0.123, routing;dur=0.1, prefill_wait;dur=1, prefill;dur=20.5, transfer;dur=3, decode_wait;dur=4, decode;dur=50, ttft;dur=30, total;dur=81",
  );
  expect(timingObject(split)).toEqual({
    queue_ms: 0,
    tokenize_ms: 0.123,
    routing_ms: 0.1,
    prefill_wait_ms: 1,
    prefill_ms: 20.5,
    transfer_ms: 3,
    decode_wait_ms: 4,
    decode_ms: 50,
    ttft_ms: 30,
    total_ms: 81,
  });
});
