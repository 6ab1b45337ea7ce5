/**
 * The figures of one request, or of one worker's leg of it, fed as it happens.
 *
 *   Q1  It ends once; what comes later changes nothing.
 *   Q2  The time to the first token is observed when there is a first token, and then once, over all answers.
 */
import { type BatonError, type ExternalTraceHeader, systemClock, type Usage } from "@baton/core";
import type { Metrics } from "./metrics.ts";

export type RequestOutcome = "success" | "error" | "canceled";

/** What a router knows of a request in the words of OpenTelemetry's conventions. */
export interface GenAiRequest {
  readonly operation: "chat" | "text_completion";
  /** The model served; absent until it is clear that the request wants it. */
  readonly model?: string;
}

export interface RequestMetricsOptions {
  readonly metrics: Metrics;
  /** Names the trace for exemplars. */
  readonly header: ExternalTraceHeader | undefined;
  /** Epoch ms; now unless given. */
  readonly startedAt?: number;
}

export class RequestMetrics {
  readonly #metrics: Metrics;
  readonly #header: ExternalTraceHeader | undefined;
  readonly #startedAt: number;
  /** Set by a router. */
  genAi: GenAiRequest | undefined;
  #firstTokenAt: number | undefined;
  #lastTokenAt = 0;
  #ended = false;

  constructor({ metrics, header, startedAt = systemClock.now() }: RequestMetricsOptions) {
    this.#metrics = metrics;
    this.#header = header;
    this.#startedAt = startedAt;
  }

  /** A choice of the request. */
  answer(): AnswerMetrics {
    return new AnswerMetrics(this.#metrics, this.#header, (at) => this.#token(at));
  }

  succeeded(usage: Usage): void {
    if (!this.#end("success")) return;
    this.#metrics.add("baton_prompt_tokens_total", usage.promptTokens, {});
    this.#metrics.add("baton_cached_tokens_total", usage.cachedTokens, {});
    this.#metrics.add("baton_completion_tokens_total", usage.completionTokens, {});
    if (this.genAi) this.#endGenAi(this.genAi, usage);
  }

  failed(error: BatonError): void {
    if (!this.#end(error.code === "canceled" ? "canceled" : "error")) return;
    this.#metrics.add("baton_request_failures_total", 1, { reason: error.code });
    if (this.genAi) this.#observeGenAiDuration(this.genAi, error.code);
  }

  /** Q1 */
  #end(outcome: RequestOutcome): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#metrics.add("baton_requests_total", 1, { outcome });
    this.#metrics.observe(
      "baton_request_duration_seconds",
      this.#secondsSinceStart(),
      { outcome },
      this.#header,
    );
    return true;
  }

  /** Q2 */
  #token(at: number): void {
    this.#lastTokenAt = Math.max(this.#lastTokenAt, at);
    if (this.#firstTokenAt !== undefined) return;
    this.#firstTokenAt = at;
    const seconds = this.#secondsSinceStart(at);
    this.#metrics.observe("baton_time_to_first_token_seconds", seconds, {}, this.#header);
  }

  #endGenAi(request: GenAiRequest, usage: Usage): void {
    this.#observeGenAiDuration(request, "");
    const first = this.#firstTokenAt;
    if (first === undefined) return;
    const labels = genAiLabels(request);
    const header = this.#header;
    const toFirst = this.#secondsSinceStart(first);
    this.#metrics.observe("gen_ai_server_time_to_first_token_seconds", toFirst, labels, header);
    if (usage.completionTokens < 2) return;
    const perToken = (this.#lastTokenAt - first) / 1000 / (usage.completionTokens - 1);
    this.#metrics.observe("gen_ai_server_time_per_output_token_seconds", perToken, labels, header);
  }

  #observeGenAiDuration(request: GenAiRequest, errorType: string): void {
    const labels = { ...genAiLabels(request), error_type: errorType };
    const seconds = this.#secondsSinceStart();
    this.#metrics.observe("gen_ai_server_request_duration_seconds", seconds, labels, this.#header);
  }

  #secondsSinceStart(at = systemClock.now()): number {
    return Math.max(0, at - this.#startedAt) / 1000;
  }
}

/** One choice: its tokens come one after the other. */
export class AnswerMetrics {
  readonly #metrics: Metrics;
  readonly #header: ExternalTraceHeader | undefined;
  readonly #onToken: (at: number) => void;
  #lastAt: number | undefined;
  #slowestGap = 0;

  constructor(metrics: Metrics, header: ExternalTraceHeader | undefined, onToken: (at: number) => void) {
    this.#metrics = metrics;
    this.#header = header;
    this.#onToken = onToken;
  }

  /** Tokens came, at `at` (epoch ms; now unless given). Tokens that came together share the time since the last ones. */
  tokens(count: number, at = systemClock.now()): void {
    if (count === 0) return;
    this.#onToken(at);
    if (this.#lastAt !== undefined) this.#observeGap(count, Math.max(0, at - this.#lastAt) / 1000);
    this.#lastAt = at;
  }

  /** Only a gap longer than all before it is worth an exemplar, which costs more than the observation itself. */
  #observeGap(count: number, seconds: number): void {
    const gap = seconds / count;
    const header = gap > this.#slowestGap ? this.#header : undefined;
    this.#slowestGap = Math.max(this.#slowestGap, gap);
    for (let i = 0; i < count; i++) {
      this.#metrics.observe("baton_inter_token_latency_seconds", gap, {}, header);
    }
  }
}

function genAiLabels({ operation, model = "" }: GenAiRequest) {
  return {
    gen_ai_operation_name: operation,
    gen_ai_provider_name: "baton",
    gen_ai_request_model: model,
  };
}
