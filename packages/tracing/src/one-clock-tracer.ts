/**
 * Puts the spans of instrumented libraries on the clock of our own. The SDK dates a span by the wall clock in whole
 * milliseconds, our stages by the monotonic clock that the threads share; mixed, a child seems to leave its parent.
 * Such a span may also be ended by two parties, the instrumentation and the server whose client has left: the first
 * end counts, the other does nothing.
 */
import type { Clock } from "@baton/core";
import type { Span, Tracer, TracerProvider } from "@opentelemetry/api";

/** Wraps `provider` for an instrumentation. Only `startSpan` is on our clock; no instrumentation in use calls another. */
export function oneClockProvider(provider: TracerProvider, clock: Clock): TracerProvider {
  return { getTracer: (...scope) => oneClockTracer(provider.getTracer(...scope), clock) };
}

function oneClockTracer(tracer: Tracer, clock: Clock): Tracer {
  return {
    startSpan(name, options, context) {
      const startTime = options?.startTime ?? clock.now();
      return endingOnce(tracer.startSpan(name, { ...options, startTime }, context), clock);
    },
    startActiveSpan: tracer.startActiveSpan.bind(tracer),
  };
}

function endingOnce(span: Span, clock: Clock): Span {
  const end = span.end.bind(span);
  span.end = (endTime) => {
    if (span.isRecording()) end(endTime ?? clock.now());
  };
  return span;
}
