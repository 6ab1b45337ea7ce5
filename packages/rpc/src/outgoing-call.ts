/**
 * One call from this side.
 *
 *   O1  The call is started inside `run`, because instrumentation reads the active trace context at that moment.
 *   O2  When the signal aborts the call is canceled, and it fails with the signal's reason.
 *   O3  Once the result is out or the loop is left, the call has ended and no listener is left behind.
 *   O4  A stream is read ahead of its reader, but not further than `READ_AHEAD` messages; then gRPC's flow control stops
 *       the server. It must be: what has arrived and is not read when the server closes the connection is lost.
 */
import { AsyncQueue, BatonError } from "@baton/core";
import type * as grpc from "@grpc/grpc-js";
import { fromServiceError } from "./status.ts";

/** What the caller of any client says besides the request. */
export interface CallOptions {
  /** Aborting cancels the call. */
  readonly signal: AbortSignal;
  /** Starts the call in a trace context (`TraceNode.run`); by default it starts as it is. */
  readonly run?: <T>(fn: () => T) => T;
}

/** Messages of one stream that may wait for their reader. */
const READ_AHEAD = 512;

/** The server turns the rest of the time into a timer; this is about the longest that fits. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** gRPC's options for a call that must be done by `deadline`, in epoch ms. */
export function byDeadline(deadline: number): grpc.CallOptions {
  return { deadline: Math.min(deadline, Date.now() + MAX_TIMEOUT_MS - 1000) };
}

/** Makes a unary call; `action` names it in errors: "Cannot <action>: …". @throws BatonError */
export async function callUnary<Reply>(
  action: string,
  options: CallOptions,
  start: (callback: grpc.requestCallback<Reply>) => grpc.ClientUnaryCall,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const call = startCall(action, options, () =>
    start((error, reply) => (error ? reject(error) : resolve(reply as Reply))),
  );
  const cancel = () => call.cancel();
  options.signal.addEventListener("abort", cancel, { once: true });
  try {
    return await promise;
  } catch (reason) {
    throw callError(reason, action, options.signal);
  } finally {
    options.signal.removeEventListener("abort", cancel);
  }
}

/** Makes a server-streaming call with the first step of the iteration; leaving the loop cancels it. @throws BatonError */
export async function* callStream<Reply>(
  action: string,
  options: CallOptions,
  start: () => grpc.ClientReadableStream<Reply>,
): AsyncGenerator<Reply, void, void> {
  const call = startCall(action, options, start);
  const ended = Promise.withResolvers<void>();
  call.on("status", () => ended.resolve());
  const arrived = arrivals(call);
  const cancel = () => call.cancel();
  options.signal.addEventListener("abort", cancel, { once: true });
  try {
    for await (const message of arrived) {
      if (options.signal.aborted) break; // O2: what came before is of no interest any more.
      yield message;
    }
    options.signal.throwIfAborted();
  } catch (reason) {
    throw callError(reason, action, options.signal);
  } finally {
    options.signal.removeEventListener("abort", cancel);
    call.cancel(); // Does nothing to a call that has ended.
    await ended.promise;
  }
}

/** The messages of a stream, read ahead (O4), then its end or its error. */
async function* arrivals<Reply>(call: grpc.ClientReadableStream<Reply>): AsyncGenerator<Reply, void, void> {
  const queue = new AsyncQueue<Reply>();
  let waiting = 0;
  call.on("data", (message: Reply) => {
    queue.push(message);
    waiting += 1;
    if (waiting >= READ_AHEAD) call.pause();
  });
  call.on("end", () => queue.end());
  call.on("error", (error) => queue.fail(error));
  for await (const message of queue) {
    waiting -= 1;
    if (call.isPaused() && waiting < READ_AHEAD / 2) call.resume();
    yield message;
  }
}

function startCall<Call>(
  action: string,
  { signal, run = (fn) => fn() }: CallOptions,
  start: () => Call,
): Call {
  if (signal.aborted) throw BatonError.from(signal.reason, "canceled");
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // grpc-js takes a stack for every call, in case it fails: a tenth of what a call costs.
  try {
    return run(start);
  } catch (cause) {
    const { message } = BatonError.from(cause);
    throw new BatonError("unavailable", `Cannot ${action}: ${message}`, { cause });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function callError(reason: unknown, action: string, signal: AbortSignal): BatonError {
  if (signal.aborted) return BatonError.from(signal.reason, "canceled");
  return isServiceError(reason) ? fromServiceError(reason, action) : BatonError.from(reason);
}

function isServiceError(reason: unknown): reason is grpc.ServiceError {
  return reason instanceof Error && typeof (reason as Partial<grpc.ServiceError>).code === "number";
}
