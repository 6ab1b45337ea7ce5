/**
 * Ends the gRPC server span that the instrumentation leaves open. It ends a streaming server span on `finish` and on
 * `error` only; when the client cancels, or the deadline passes, neither comes: the span is never exported, and all
 * that the worker recorded below it is orphaned.
 */
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { ATTR } from "./names.ts";

const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;

/** What is needed of a grpc-js server call; every kind of call has it. */
export interface CancelableServerCall {
  /** grpc-js emits `cancelled` on every call that is over, completed ones included. */
  once(event: "cancelled", listener: () => void): unknown;
  getDeadline(): Date | number;
}

/**
 * Call it synchronously in a gRPC handler, with the promise of the handler's work. The server span then ends as soon
 * as the call is over and the work has settled, so that it still contains everything that the handler recorded.
 * On a call that completes, the instrumentation's own end has come before, and this one does nothing.
 */
export function endServerSpanOnCancel(call: CancelableServerCall, work: Promise<unknown>): void {
  const span = trace.getActiveSpan();
  if (!span) return;
  call.once("cancelled", () => {
    const status = Date.now() >= Number(call.getDeadline()) ? DEADLINE_EXCEEDED : CANCELLED;
    const end = () => {
      if (!span.isRecording()) return;
      span.setAttribute(ATTR.grpcStatus, status);
      if (status === DEADLINE_EXCEEDED) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    };
    work.then(end, end);
  });
}
