/**
 * The attempts of one generation: a pair that fails is followed by another. Before the first token that is a retry;
 * after it a migration, which goes on where the answer is.
 *
 *   T1  One attempt at a time: the next is planned only after both legs of the last have ended and its reservations are
 *       released. Each has its own number and room, so that nothing of an old one is taken for the new.
 *   T2  Every token that is handed on is in the next attempt's request, as answered already: none is written twice, and
 *       none is lost, because what a lost worker wrote and nobody has seen is written again.
 *   T3  Workers that failed the request are taken again only where another leg of the pair can be replaced. A worker
 *       that was restarted is another one.
 *   T4  When there is no other attempt, the caller sees the error of the last pair, not that of the search for another.
 *   T5  An answer that needs nothing more is not moved: with its last token it is complete, and once `stop` was called
 *       only its end is missing.
 */
import { setTimeout as pause } from "node:timers/promises";
import {
  BatonError,
  ERROR_TRAITS,
  type GenerationEvent,
  type GenerationRequest,
  systemClock,
  traceFields,
  type WorkerId,
  type WorkerRecord,
} from "@baton/core";
import type { Metrics } from "@baton/metrics";
import { mayMigrate, mayRetry, type RetryDecision, type RetryLimits, type WorkerView } from "@baton/routing";
import { ATTR, EVENT } from "@baton/tracing";
import type { AnswerFigures } from "../request-figures.ts";
import type { RequestContext } from "./completion-call.ts";
import { FailedWorkers } from "./failed-workers.ts";
import { LegPair, type LegPairParts } from "./leg-pair.ts";
import type { Generation } from "./respond.ts";
import type { Route } from "./route.ts";
import type { WorkerWatch } from "./worker-watch.ts";

export interface AttemptsParts extends LegPairParts {
  readonly retryLimits: RetryLimits;
  readonly random: () => number;
  readonly view: () => WorkerView;
  readonly watch: WorkerWatch;
  readonly metrics: Metrics;
}

/** Chooses the workers of one attempt, rather not those that failed before. Throws where a role is missing. */
export type PlanAttempt = (request: GenerationRequest, avoid: ReadonlySet<WorkerId>) => Route;

/** What ended an attempt, and how long to wait before the next, in ms. */
interface Failure {
  readonly error: BatonError;
  readonly afterMs: number;
}

export class Attempts implements Generation {
  readonly #plan: PlanAttempt;
  readonly #request: GenerationRequest;
  readonly #context: RequestContext;
  readonly #parts: AttemptsParts;
  readonly #figures: AnswerFigures;
  readonly #failed = new FailedWorkers();
  /** Tokens that were handed on (T2). */
  readonly #answered: number[] = [];
  #count = 0;
  #migrations = 0;
  #stopped = false;
  #pair: LegPair | undefined;

  constructor(plan: PlanAttempt, request: GenerationRequest, context: RequestContext, parts: AttemptsParts) {
    this.#plan = plan;
    this.#request = request;
    this.#context = context;
    this.#parts = parts;
    this.#figures = context.figures.answer();
  }

  /** The tokens of the answer, whichever attempts wrote them, then one `end`. To be called once; leaving early ends everything. */
  async *events(): AsyncGenerator<GenerationEvent, void, void> {
    let route: Route | undefined = this.#route();
    while (route) {
      const failure: Failure | undefined = yield* this.#attempt(route);
      route = failure && (await this.#next(failure));
    }
  }

  /** Asks for the end of the answer here; only an attempt that writes can be asked. */
  stop(): void {
    this.#stopped = true;
    this.#pair?.stop();
  }

  /** Runs a pair to its end; returns a failure that another attempt may make good. */
  async *#attempt(route: Route): AsyncGenerator<GenerationEvent, Failure | undefined, void> {
    using _reservations = route;
    this.#count += 1;
    const [attempt, figures, request] = [this.#count, this.#figures, this.#rest()];
    const pair = new LegPair({ route, attempt, figures, request, context: this.#context }, this.#parts);
    this.#pair = pair;
    const ended = this.#parts.watch.began(route);
    let complete = false;
    try {
      for await (const event of pair.events()) {
        complete = event.type === "end";
        if (event.type === "tokens") {
          this.#answered.push(...event.tokenIds); // Before they are handed on (T2).
          route.wrote(event.tokenIds.length);
        }
        yield event;
      }
      return undefined;
    } catch (reason) {
      const error = BatonError.from(reason);
      this.#failed.add(pair.suspects);
      const decision = this.#mayGoOn(error, pair.suspects);
      if (decision.kind === "again") return { error, afterMs: decision.afterMs };
      if (!this.#isFull || this.#context.signal.aborted) throw error;
      yield this.#fullLength(); // T5
      return undefined;
    } finally {
      ended({ complete, error: pair.failure, suspects: pair.suspects });
    }
  }

  /** All tokens that were asked for have been handed on. */
  get #isFull(): boolean {
    return this.#answered.length >= this.#request.sampling.maxTokens;
  }

  /** What is left to do of the request. */
  #rest(): GenerationRequest {
    return this.#answered.length === 0
      ? this.#request
      : { ...this.#request, answeredTokenIds: [...this.#answered] };
  }

  #mayGoOn(error: BatonError, suspects: readonly WorkerRecord[]): RetryDecision {
    const decision = this.#decide(error, suspects);
    if (decision.kind === "give_up" && ERROR_TRAITS[error.code].retryable) {
      this.#log("Not trying other workers", { why: decision.why, reason: error.code });
    }
    return decision;
  }

  #decide(error: BatonError, suspects: readonly WorkerRecord[]): RetryDecision {
    const { random, retryLimits: limits } = this.#parts;
    const { signal, deadline } = this.#context;
    const progress = {
      attempts: this.#count,
      migrations: this.#migrations,
      tokensSent: this.#answered.length,
      promptTokens: this.#request.promptTokenIds.length,
      complete: this.#stopped || this.#isFull,
      canceled: signal.aborted,
      deadline,
    };
    const may = this.#answered.length === 0 ? mayRetry : mayMigrate;
    const decision = may(error, progress, { now: systemClock.now(), random, limits });
    if (decision.kind === "give_up" || this.#failed.canReplaceOneOf(suspects, this.#parts.view()))
      return decision;
    return { kind: "give_up", why: "no other worker serves" };
  }

  /** Says so, waits, and plans the next attempt. */
  async #next({ error, afterMs }: Failure): Promise<Route> {
    const { signal } = this.#context;
    if (this.#answered.length === 0) this.#retries(error, afterMs);
    else this.#migrates(error, afterMs);
    try {
      await pause(afterMs, undefined, { signal });
      return this.#route();
    } catch (reason) {
      if (signal.aborted) throw signal.reason;
      throw BatonError.from(reason).code === "unavailable" ? error : reason; // T4
    }
  }

  #retries(error: BatonError, afterMs: number): void {
    this.#context.trace.event(EVENT.retry, this.#eventAttributes(error, afterMs));
    this.#parts.metrics.add("baton_router_retries_total", 1, { reason: error.code });
    this.#log("Trying another pair of workers", { attempt: this.#count + 1, reason: error.code });
  }

  #migrates(error: BatonError, afterMs: number): void {
    const { trace, figures } = this.#context;
    const answered = this.#answered.length;
    this.#migrations += 1;
    trace.event(EVENT.migration, {
      ...this.#eventAttributes(error, afterMs),
      [ATTR.answeredTokens]: answered,
    });
    trace.setAttributes({ [ATTR.migrations]: figures.migrated() });
    this.#parts.metrics.add("baton_router_migrations_total", 1, { reason: error.code });
    this.#log("Going on with other workers", { attempt: this.#count + 1, reason: error.code, answered });
  }

  #eventAttributes(error: BatonError, afterMs: number) {
    return {
      [ATTR.attempt]: this.#count + 1,
      [ATTR.errorType]: error.code,
      [ATTR.errorMessage]: error.message,
      [ATTR.retryDelay]: afterMs / 1000,
    };
  }

  #route(): Route {
    return this.#plan(this.#rest(), this.#failed.in(this.#parts.view));
  }

  /** The end that a lost worker did not come to tell. */
  #fullLength(): GenerationEvent {
    const promptTokens = this.#request.promptTokenIds.length;
    const usage = { promptTokens, cachedTokens: 0, completionTokens: this.#answered.length };
    return { type: "end", reason: "length", usage };
  }

  #log(message: string, fields: Readonly<Record<string, unknown>>): void {
    const { requestId } = this.#request;
    const { trace } = this.#context;
    this.#parts.logger.info({ request: requestId, ...traceFields(trace.header), ...fields }, message);
  }
}
