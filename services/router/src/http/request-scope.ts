/**
 * One HTTP request to the API: its id, its trace, its signal and deadline, from the first byte to the end.
 *
 *   S1  The signal aborts with a BatonError when the client leaves, the deadline passes, or the router gives up.
 *   S2  end() takes effect once: it ends the trace, clears the timer and leaves the list of running requests.
 *   S3  Trace and figures begin once: when the body is read, which may choose the level, or at an earlier end.
 *   S4  A request that its handler has taken is ended by the handler; any other ends when its connection is done.
 */
import type { ServerResponse } from "node:http";
import {
  abortAt,
  BatonError,
  ERROR_TRAITS,
  type Logger,
  type RequestId,
  systemClock,
  traceFields,
  type Usage,
} from "@baton/core";
import { ATTR, type Attributes, type Stage, type TraceLevel } from "@baton/tracing";
import type { Abortable, InFlightRequests } from "../in-flight-requests.ts";
import type { RequestContext, RoutingWishes } from "../pipeline/completion-call.ts";
import type { RequestFigures } from "../request-figures.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";

/** Says the id of the request's trace, where it has one. */
const TRACE_ID_HEADER = "x-baton-trace-id";

/** How a request ended. */
export type RequestEnd =
  | { readonly error: BatonError }
  | { readonly usage: Usage; readonly attributes: Attributes };

/** What a request leaves behind. */
export interface RequestRecords {
  readonly trace: Stage;
  readonly figures: RequestFigures;
}

export interface RequestScopeOptions {
  readonly id: RequestId;
  /** Starts trace and figures as of the request's arrival; without a level, at the router's own. */
  readonly record: (id: RequestId, level: TraceLevel | undefined) => RequestRecords;
  readonly logger: Logger;
  /** Longest time to the end of the answer. */
  readonly timeoutMs: number;
  readonly inFlight: InFlightRequests;
  readonly response: ServerResponse;
  readonly affinityKey: string | undefined;
  /** What the client's key is called, where it needs one: for the log. */
  readonly client: string | undefined;
}

export class RequestScope implements RequestContext, Abortable {
  id: RequestId;
  // Own fields and no accessors: contexts of a request's choices are spread from this one.
  trace!: Stage;
  figures!: RequestFigures;
  readonly deadline: number;
  readonly affinityKey: string | undefined;
  /** Set once the headers were understood. */
  routing: RoutingWishes = {};
  readonly #record: RequestScopeOptions["record"];
  readonly #controller = new AbortController();
  readonly #deadlineTimer: Disposable;
  readonly #inFlight: InFlightRequests;
  readonly #response: ServerResponse;
  readonly #logger: Logger;
  readonly #client: string | undefined;
  #meter: ((tokens: number) => void) | undefined;
  #state: "open" | "taken" | "ended" = "open";
  #failure: BatonError | undefined;

  constructor(options: RequestScopeOptions) {
    this.id = options.id;
    this.affinityKey = options.affinityKey;
    this.#record = options.record;
    this.#logger = options.logger;
    this.#client = options.client;
    this.#inFlight = options.inFlight;
    this.#response = options.response;
    this.deadline = systemClock.now() + options.timeoutMs;
    this.#deadlineTimer = abortAt(this.deadline, this.#controller);
    this.#inFlight.add(this);
    options.response.once("close", () => this.#closed());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Headers of every answer to it. */
  get headers(): Readonly<Record<string, string>> {
    return answerHeaders(this);
  }

  /** Takes the name that the client gave it in its body, which must be free; before trace and figures begin. */
  rename(id: RequestId): void {
    this.#inFlight.rename(this, id);
    this.id = id;
  }

  /** Starts trace and figures, unless they have begun (S3). */
  begin(level?: TraceLevel): void {
    if (this.trace) return;
    const { trace, figures } = this.#record(this.id, level);
    this.trace = trace;
    this.figures = figures;
  }

  /** Told at the end how many tokens the request used: those of its prompt, if it ended well, and its answers'. */
  meter(used: (tokens: number) => void): void {
    this.#meter = used;
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
    this.begin();
    this.#failure = error;
  }

  end(outcome: RequestEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.begin();
    this.#deadlineTimer[Symbol.dispose]();
    const status = this.#statusOf(outcome);
    if ("error" in outcome) {
      this.figures.failed(outcome.error);
      this.#meter?.(this.figures.answeredTokens);
      this.trace.setAttributes({ [ATTR.httpStatus]: status });
      this.trace.fail(outcome.error);
    } else {
      this.figures.succeeded(outcome.usage);
      this.#meter?.(outcome.usage.promptTokens + outcome.usage.completionTokens);
      this.trace.end({ [ATTR.httpStatus]: status, ...outcome.attributes });
    }
    this.#log(outcome, status);
    this.#inFlight.remove(this);
  }

  #statusOf(outcome: RequestEnd): number {
    const { headersSent, statusCode } = this.#response;
    if (headersSent || !("error" in outcome)) return statusCode;
    return ERROR_TRAITS[outcome.error.code].http;
  }

  /** One line for each request; what was asked and answered is never part of it. */
  #log(outcome: RequestEnd, status: number): void {
    const result =
      "error" in outcome
        ? { outcome: outcome.error.code === "canceled" ? "canceled" : "error", code: outcome.error.code }
        : { outcome: "success", ...outcome.usage };
    const { queueMs, firstTokenMs, totalMs } = this.figures.split();
    this.#logger.info(
      {
        request: this.id,
        ...traceFields(this.trace.header),
        ...(this.#client && { client: this.#client }),
        status,
        ...result,
        ...rounded({ queueMs, firstTokenMs, totalMs }),
      },
      "Request finished",
    );
  }

  #closed(): void {
    if (this.#response.writableFinished && this.#state !== "open") return;
    const left = new BatonError("canceled", "The client closed the connection");
    if (!this.#response.writableFinished) this.abort(left);
    if (this.#state === "open") this.end({ error: this.#failure ?? left });
  }
}

function answerHeaders({ id, trace }: RequestScope): Readonly<Record<string, string>> {
  const { trace_id } = trace.recording ? traceFields(trace.header) : {};
  return { [REQUEST_ID_HEADER]: id, ...(trace_id && { [TRACE_ID_HEADER]: trace_id }) };
}

function rounded<Name extends string>(durations: Readonly<Record<Name, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries<number>(durations).map(([name, ms]) => [name, Math.round(ms * 1000) / 1000]),
  );
}
