/**
 * The calls that a server is working on: each one's signal, deadline and span, and how to end them all.
 *
 *   C1  Work starts synchronously in grpc-js's handler, while the instrumentation's server span is active.
 *   C2  A call's signal aborts only while its work runs. grpc-js emits `cancelled` at the end of every call, the good
 *       ones too, so nobody listens any more once the work is done.
 *   C3  The instrumentation does not end the span of a stream that was cancelled; it is ended here, and only after the
 *       work is done, so that the spans below it lie inside it.
 */
import { BatonError } from "@baton/core";
import { ATTR } from "@baton/tracing";
import * as grpc from "@grpc/grpc-js";
import { type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import type { CallLife } from "./call-life.ts";

type UnaryCall = grpc.ServerUnaryCall<unknown, unknown>;
type StreamCall = grpc.ServerWritableStream<unknown, unknown>;

/** A caller's own deadline fires first, by the time that the call took to get here, and looks like a cancel. */
const DEADLINE_SLACK_MS = 100;

/** Open calls, counted. */
export class IncomingCalls {
  readonly #open = new Map<AbortController, Promise<unknown>>();
  #refusal: BatonError | undefined;

  /** Calls whose work is not done. */
  get count(): number {
    return this.#open.size;
  }

  /** Runs the work of a unary call. */
  unary<T>(call: UnaryCall, work: (life: CallLife) => Promise<T>): Promise<T> {
    return this.#run(call, work);
  }

  /** Runs the work of a streaming call. */
  async stream(call: StreamCall, work: (life: CallLife) => Promise<void>): Promise<void> {
    const span = trace.getActiveSpan();
    try {
      await this.#run(call, work);
    } finally {
      endWithStream(span, call);
    }
  }

  /** From now on `assertOpen` throws `reason`; what runs goes on. */
  close(reason: BatonError): void {
    this.#refusal ??= reason;
  }

  /** Asked by the work of those calls that start something new. */
  assertOpen(): void {
    if (this.#refusal) throw this.#refusal;
  }

  /** Aborts every open call. */
  abort(reason: BatonError): void {
    for (const controller of this.#open.keys()) controller.abort(reason);
  }

  /** Resolves when the work that is going on now is done, well or not. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#open.values());
  }

  #run<T>(call: UnaryCall | StreamCall, work: (life: CallLife) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const deadline = Number(call.getDeadline());
    const onCancelled = () => controller.abort(leftReason(deadline));
    trace.getActiveSpan()?.setAttributes(addressAttributes(call.getHost()));
    call.on("cancelled", onCancelled);
    if (isGone(call)) onCancelled();
    const done = runNow(() => work({ deadline, signal: controller.signal })).finally(() => {
      call.off("cancelled", onCancelled);
      this.#open.delete(controller);
    });
    this.#open.set(controller, done);
    return done;
  }
}

/** Where the caller says that it called; the instrumentation tells it of client spans only. */
function addressAttributes(authority: string): Record<string, string | number> {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(authority) ?? [];
  if (host === undefined) return { [ATTR.serverAddress]: authority };
  return { [ATTR.serverAddress]: host, [ATTR.serverPort]: Number(port) };
}

/** Calls `work` synchronously; what it throws becomes a rejection. */
async function runNow<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

/** True if the caller left before the handler was called: then `cancelled` never comes, and grpc-js has no peer to name. */
function isGone(call: UnaryCall | StreamCall): boolean {
  return call.getPeer() === "unknown";
}

function leftReason(deadline: number): BatonError {
  if (isLate(deadline)) {
    return new BatonError("deadline_exceeded", "Cannot finish the call: its deadline passed");
  }
  return new BatonError(
    "canceled",
    "Cannot finish the call: the caller canceled it or its connection was lost",
  );
}

function isLate(deadline: number): boolean {
  return Date.now() >= deadline - DEADLINE_SLACK_MS;
}

/** Ends the span once the stream has closed, unless the instrumentation did. */
function endWithStream(span: Span | undefined, call: StreamCall): void {
  if (span === undefined) return;
  const end = () => {
    if (!span.isRecording()) return;
    const late = isLate(Number(call.getDeadline()));
    span.setAttribute("rpc.grpc.status_code", late ? grpc.status.DEADLINE_EXCEEDED : grpc.status.CANCELLED);
    if (late) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  };
  if (call.closed || isGone(call)) end();
  else call.once("close", end);
}
