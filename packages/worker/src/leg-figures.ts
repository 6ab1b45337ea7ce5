/**
 * What a leg measures on its way: its metrics, and the durations that its answer tells the router. Fed with the same
 * events as the leg's trace.
 */
import {
  assertNever,
  type BatonError,
  type ExternalTraceHeader,
  type LegTimings,
  NO_TIMINGS,
  systemClock,
  type Usage,
} from "@baton/core";
import type { EngineEvent } from "@baton/engine";
import type { TransferSummary } from "@baton/kv-transfer";
import { type AnswerMetrics, type Metrics, observeTransfer, RequestMetrics } from "@baton/metrics";

/** The parts that follow one another; the others overlap them. */
type Part = "prefillMs" | "decodeWaitMs" | "decodeMs";

export class LegFigures {
  readonly #metrics: Metrics;
  readonly #header: ExternalTraceHeader | undefined;
  readonly #request: RequestMetrics;
  readonly #answer: AnswerMetrics;
  readonly #startedAt = systemClock.now();
  /** The part that the leg is in; epoch ms. */
  #current: { readonly part: Part; readonly since: number } | undefined;
  #timings: LegTimings = NO_TIMINGS;
  #hasToken = false;

  /** Starts the clock. The header is that of the leg's trace. */
  constructor(metrics: Metrics, header: ExternalTraceHeader | undefined) {
    this.#metrics = metrics;
    this.#header = header;
    this.#request = new RequestMetrics({ metrics, header, startedAt: this.#startedAt });
    this.#answer = this.#request.answer();
  }

  /** The two sides of the hand-over have met. */
  met(): void {
    this.#set({ bootstrapMs: systemClock.now() - this.#startedAt });
  }

  /** All KV was handed over. On a decode worker the wait for a slot begins; on a prefill worker nothing does. */
  transferred(summary: TransferSummary): void {
    this.#set({ transferMs: summary.endedAt - summary.startedAt });
    this.#enter("decodeWaitMs", summary.endedAt);
    observeTransfer(this.#metrics, summary, this.#header);
  }

  engineEvent(event: EngineEvent): void {
    switch (event.type) {
      case "prefill-start":
        this.#set({ prefillWaitMs: event.at - this.#startedAt });
        this.#enter("prefillMs", event.at);
        break;
      case "token":
        if (!this.#hasToken) this.#firstToken(event.at);
        this.#answer.tokens(1, event.at);
        break;
      case "decode-start":
        this.#enter("decodeMs", event.at);
        break;
      case "finished":
        this.#leave(event.at);
        break;
      case "prefill-chunk":
      case "retracted":
      case "resumed":
      case "failed":
        break;
      default:
        assertNever(event);
    }
  }

  /** The leg ended well; the result is for its answer. */
  succeeded(usage: Usage): LegTimings {
    this.#request.succeeded(usage);
    return this.#timings;
  }

  failed(error: BatonError): void {
    this.#request.failed(error);
  }

  #firstToken(at: number): void {
    this.#hasToken = true;
    this.#set({ firstTokenMs: at - this.#startedAt });
    // A token that came with the KV is followed by the wait that began with the KV's end.
    if (this.#current?.part === "prefillMs") this.#enter("decodeWaitMs", at);
  }

  #enter(part: Part, at: number): void {
    this.#leave(at);
    this.#current = { part, since: at };
  }

  #leave(at: number): void {
    if (this.#current) this.#set({ [this.#current.part]: at - this.#current.since });
    this.#current = undefined;
  }

  #set(parts: Partial<LegTimings>): void {
    this.#timings = { ...this.#timings, ...parts };
  }
}
