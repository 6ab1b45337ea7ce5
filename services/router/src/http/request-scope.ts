/**
 * One HTTP request to the API: its id, its trace, its signal and deadline, from the first byte to the end.
 *
 *   S1  The signal aborts with a BatonError when the client leaves, the deadline passes, or the router gives up.
 *   S2  end() takes effect once: it ends the trace, clears the timer and leaves the list of running requests.
 *   S3  A request that its handler has taken is ended by the handler; any other ends when its connection is done.
 */
import type { ServerResponse } from "node:http";
import {
  BatonError,
  type DeadlineSignal,
  deadlineSignal,
  ERROR_TRAITS,
  type RequestId,
  systemClock,
} from "@baton/core";
import { ATTR, type Attributes, type Stage } from "@baton/tracing";
import type { Abortable, InFlightRequests } from "../in-flight-requests.ts";
import type { RequestContext } from "../pipeline/completion-call.ts";

export interface RequestScopeOptions {
  readonly id: RequestId;
  readonly trace: Stage;
  /** Longest time to the end of the answer. */
  readonly timeoutMs: number;
  readonly inFlight: InFlightRequests;
  readonly response: ServerResponse;
}

export class RequestScope implements RequestContext, Abortable {
  readonly id: RequestId;
  readonly trace: Stage;
  readonly deadline: number;
  readonly #controller = new AbortController();
  readonly #deadlineSignal: DeadlineSignal;
  readonly #inFlight: InFlightRequests;
  readonly #response: ServerResponse;
  #state: "open" | "taken" | "ended" = "open";
  #failure: BatonError | undefined;

  constructor(options: RequestScopeOptions) {
    this.id = options.id;
    this.trace = options.trace;
    this.#inFlight = options.inFlight;
    this.#response = options.response;
    this.deadline = systemClock.now() + options.timeoutMs;
    this.#deadlineSignal = deadlineSignal(this.deadline, this.#controller.signal);
    this.#inFlight.add(this);
    options.response.once("close", () => this.#closed());
  }

  get signal(): AbortSignal {
    return this.#deadlineSignal.signal;
  }

  abort(error: BatonError): void {
    this.#controller.abort(error);
  }

  /** The handler answers for the end from here on. */
  take(): void {
    this.#state = "taken";
  }

  /** Remembers why the request is answered with an error before its handler took it. */
  failed(error: BatonError): void {
    this.#failure = error;
  }

  end(outcome: { readonly error: BatonError } | { readonly attributes: Attributes }): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#deadlineSignal[Symbol.dispose]();
    if ("error" in outcome) {
      const { headersSent, statusCode } = this.#response;
      const status = headersSent ? statusCode : ERROR_TRAITS[outcome.error.code].http;
      this.trace.setAttributes({ [ATTR.httpStatus]: status });
      this.trace.fail(outcome.error);
    } else this.trace.end({ [ATTR.httpStatus]: 200, ...outcome.attributes });
    this.#inFlight.remove(this);
  }

  #closed(): void {
    const left = new BatonError("canceled", "The client closed the connection");
    if (!this.#response.writableFinished) this.abort(left);
    if (this.#state === "open") this.end({ error: this.#failure ?? left });
  }
}
