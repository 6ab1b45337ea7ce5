/**
 * One call from this side.
 *
 *   O1  The call is started inside `run`, because instrumentation reads the active trace context at that moment.
 *   O2  When the signal aborts the call is canceled, and it fails with the signal's reason.
 *   O3  Once the result is out or the loop is left, the call has ended and no listener is left behind.
 *   O4  A stream is read ahead of its reader, but not further than `READ_AHEAD` messages; then gRPC's flow control stops
 *       the server. It must be: what has arrived and is not read when the server closes the connection is lost.
 */
import { BatonError } from "@baton/core";
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

/**
 * Makes a server-streaming call with the first step of the iteration; leaving the loop cancels it. What comes in one
 * turn of the event loop is given out together.
 * @throws BatonError
 */
export async function* callStream<Reply>(
  action: string,
  options: CallOptions,
  start: () => grpc.ClientReadableStream<Reply>,
): AsyncGenerator<readonly Reply[], void, void> {
  const call = startCall(action, options, start);
  const ended = Promise.withResolvers<void>();
  call.on("status", () => ended.resolve());
  const arrivals = new Arrivals(call);
  const cancel = () => call.cancel();
  options.signal.addEventListener("abort", cancel, { once: true });
  try {
    while (await arrivals.more()) {
      if (options.signal.aborted) break; // O2: what came before is of no interest any more.
      yield arrivals.take();
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
class Arrivals<Reply> {
  readonly #call: grpc.ClientReadableStream<Reply>;
  #messages: Reply[] = [];
  #end: { readonly error?: unknown } | undefined;
  #reader: (() => void) | undefined;

  constructor(call: grpc.ClientReadableStream<Reply>) {
    this.#call = call;
    call.on("data", (message: Reply) => {
      this.#messages.push(message);
      if (this.#messages.length >= READ_AHEAD) call.pause();
      this.#wake();
    });
    call.on("end", () => this.#finish({}));
    call.on("error", (error) => this.#finish({ error }));
  }

  /** Waits for messages; false where there will be none. @throws what the stream failed with, after its messages */
  async more(): Promise<boolean> {
    if (this.#messages.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => {
        this.#reader = resolve;
      });
    }
    if (this.#messages.length > 0) return true;
    if (this.#end && "error" in this.#end) throw this.#end.error;
    return false;
  }

  /** All that have come. */
  take(): readonly Reply[] {
    const messages = this.#messages;
    this.#messages = [];
    if (this.#call.isPaused()) this.#call.resume();
    return messages;
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wake();
  }

  /** grpc-js gives each message of a turn out by itself: the reader is woken behind all of them. */
  #wake(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader) setImmediate(reader);
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
