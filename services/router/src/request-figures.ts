/** What a request measures on its way through the router: its metrics, and where its time went. */
import {
  type BatonError,
  type ExternalTraceHeader,
  type LegTimings,
  NO_TIMINGS,
  systemClock,
  type Usage,
} from "@baton/core";
import { type AnswerMetrics, type GenAiRequest, type Metrics, RequestMetrics } from "@baton/metrics";

/**
 * Where the time of a request went, in milliseconds; 0 for what it did not have. Parts of workers are measured there,
 * each on its own clock, and may overlap.
 */
export interface TimingSplit {
  /** Waiting for a place among the requests that are worked on. */
  readonly queueMs: number;
  readonly tokenizeMs: number;
  readonly routingMs: number;
  /** In the queue of the worker that computes the prompt. */
  readonly prefillWaitMs: number;
  readonly prefillMs: number;
  /** From the first byte of KV to the last. */
  readonly transferMs: number;
  /** From the complete KV to a slot of the batch. */
  readonly decodeWaitMs: number;
  readonly decodeMs: number;
  /** From the request's arrival to the first token. */
  readonly firstTokenMs: number;
  /** From the request's arrival to now. */
  readonly totalMs: number;
}

/** The parts that the router does itself. */
type OwnPart = "queueMs" | "tokenizeMs" | "routingMs";

export interface RequestFiguresOptions {
  readonly metrics: Metrics;
  /** Of the request's trace. */
  readonly header: ExternalTraceHeader | undefined;
  readonly operation: GenAiRequest["operation"];
  /** Epoch ms of the request's arrival. */
  readonly startedAt: number;
}

export class RequestFigures {
  readonly #request: RequestMetrics;
  readonly #operation: GenAiRequest["operation"];
  readonly #startedAt: number;
  readonly #own = { queueMs: 0, tokenizeMs: 0, routingMs: 0 };
  #hasAnswers = false;
  #prefill = NO_TIMINGS;
  #decode = NO_TIMINGS;
  #firstTokenMs = 0;
  #answeredTokens = 0;
  #migrations = 0;

  constructor({ metrics, header, operation, startedAt }: RequestFiguresOptions) {
    this.#startedAt = startedAt;
    this.#operation = operation;
    this.#request = new RequestMetrics({ metrics, header, startedAt: this.#startedAt });
    this.#request.genAi = { operation };
  }

  /** Tokens of all answers so far. */
  get answeredTokens(): number {
    return this.#answeredTokens;
  }

  /** The request wants this model, which is served. */
  model(name: string): void {
    this.#request.genAi = { operation: this.#operation, model: name };
  }

  /** Times work that does not wait. */
  measure<T>(part: OwnPart, work: () => T): T {
    const startedAt = systemClock.now();
    try {
      return work();
    } finally {
      this.#own[part] += systemClock.now() - startedAt;
    }
  }

  /** Times work that waits. */
  async measureWait<T>(part: OwnPart, work: () => Promise<T>): Promise<T> {
    const startedAt = systemClock.now();
    try {
      return await work();
    } finally {
      this.#own[part] += systemClock.now() - startedAt;
    }
  }

  /** A choice of the answer begins. What its workers measure is told of the first choice alone: see `split`. */
  answer(): AnswerFigures {
    const isFirst = !this.#hasAnswers;
    this.#hasAnswers = true;
    return new AnswerFigures(this.#request.answer(), {
      onTokens: (count) => {
        this.#answeredTokens += count;
        this.#firstTokenMs ||= systemClock.now() - this.#startedAt;
      },
      onDecoded: (timings) => {
        if (isFirst) this.#decode = timings;
      },
      onPrefilled: (timings) => {
        if (isFirst) this.#prefill = timings;
      },
    });
  }

  /** An answer goes on elsewhere. Returns how often that has happened to the request. */
  migrated(): number {
    this.#migrations += 1;
    return this.#migrations;
  }

  succeeded(usage: Usage): void {
    this.#request.succeeded(usage);
  }

  failed(error: BatonError): void {
    this.#request.failed(error);
  }

  /**
   * As far as it has come. Of several choices, workers' parts are those of the first, which is the request with one
   * choice: its parts belong together, and no other choice computes the whole prompt.
   */
  split(): TimingSplit {
    const [prefill, decode] = [this.#prefill, this.#decode];
    return {
      ...this.#own,
      // A worker that does both has them in its decode leg.
      prefillWaitMs: prefill.prefillWaitMs || decode.prefillWaitMs,
      prefillMs: prefill.prefillMs || decode.prefillMs,
      transferMs: decode.transferMs,
      decodeWaitMs: decode.decodeWaitMs,
      decodeMs: decode.decodeMs,
      firstTokenMs: this.#firstTokenMs,
      totalMs: systemClock.now() - this.#startedAt,
    };
  }
}

interface AnswerListener {
  readonly onTokens: (count: number) => void;
  readonly onPrefilled: (timings: LegTimings) => void;
  readonly onDecoded: (timings: LegTimings) => void;
}

/** One choice on its way. */
export class AnswerFigures {
  readonly #metrics: AnswerMetrics;
  readonly #listener: AnswerListener;

  constructor(metrics: AnswerMetrics, listener: AnswerListener) {
    this.#metrics = metrics;
    this.#listener = listener;
  }

  tokens(count: number): void {
    this.#listener.onTokens(count);
    this.#metrics.tokens(count);
  }

  /** The prefill leg ended well. */
  prefilled(timings: LegTimings | undefined): void {
    if (timings) this.#listener.onPrefilled(timings);
  }

  /** The decode leg ended well. */
  decoded(timings: LegTimings | undefined): void {
    if (timings) this.#listener.onDecoded(timings);
  }
}
