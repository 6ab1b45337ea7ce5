import { expect, test } from "@jest/globals";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { NearOutlet, type SpanSink, sinkExporter } from "./span-sink.ts";

const BROKEN = {
  get events(): never {
    throw new Error("no");
  },
} as unknown as ReadableSpan;

function sink() {
  const taken: Uint8Array[] = [];
  const near: SpanSink = { near: true, take: async (request) => void taken.push(request) };
  return { near, taken };
}

test("spans that cannot be encoded are dropped and counted, and nobody fails for it", () => {
  const { near, taken } = sink();
  const outlet = new NearOutlet(near);
  outlet.deliver([BROKEN, BROKEN]);
  outlet.deliver([]);
  expect(outlet.dropped).toBe(2);
  expect(taken).toHaveLength(1);
});

test("an exporter says so of spans that cannot be encoded", () => {
  const { near, taken } = sink();
  const results: number[] = [];
  sinkExporter(near).export([BROKEN], ({ code }) => results.push(code));
  expect(results).toEqual([1]);
  expect(taken).toEqual([]);
});
