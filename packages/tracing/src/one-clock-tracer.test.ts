import { expect, test } from "@jest/globals";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { oneClockProvider } from "./one-clock-tracer.ts";
import { HandClock } from "./test-support/span-collector.ts";

test("an instrumented span starts and ends on our clock, and ends once", () => {
  const ended: unknown[] = [];
  const processor = {
    onStart() {},
    onEnd: (span: { startTime: unknown; endTime: unknown }) =>
      void ended.push([span.startTime, span.endTime]),
    async forceFlush() {},
    async shutdown() {},
  };
  const clock = new HandClock();
  const provider = oneClockProvider(new TracerProvider({ spanProcessors: [processor] }), clock);
  const span = provider.getTracer("grpc").startSpan("call");
  clock.advance(1500);
  span.end();
  span.end();
  expect(ended).toEqual([
    [
      [1_700_000_000, 0],
      [1_700_000_001, 500_000_000],
    ],
  ]);
});
