/**
 * The attempts of one generation: before its first token, a pair that fails is followed by another.
 *
 *   T1  One attempt at a time: the next is planned only after both legs of the last have ended and its reservations are
 *       released. Each has its own number and room, so that nothing of an old one is taken for the new.
 *   T2  Once a token has been handed on there is no other attempt: the client may have seen it.
 *   T3  Workers that failed the request are taken again only where another leg of the pair can be replaced.
 *   T4  When there is no other attempt, the caller sees the error of the last pair, not that of the search for another.
 */
import { setTimeout as pause } from "node:timers/promises";
import {
  BatonError,
  type GenerationEvent,
  type GenerationRequest,
  systemClock,
  traceFields,
  type WorkerId,
  type WorkerRecord,
} from "@baton/core";
import { mayRetry, type RetryDecision, type RetryLimits, type WorkerView } from "@baton/routing";
import { ATTR, EVENT } from "@baton/tracing";
import type { AnswerFigures } from "../request-figures.ts";
import type { RequestContext } from "./completion-call.ts";
import { LegPair, type LegPairParts } from "./leg-pair.ts";
import type { Generation } from "./respond.ts";
import type { Route } from "./route.ts";
import type { WorkerWatch } from "./worker-watch.ts";

export interface AttemptsParts extends LegPairParts {
  readonly retryLimits: RetryLimits;
  readonly random: () => number;
  readonly view: () => WorkerView;
  readonly watch: WorkerWatch;
}

/** Chooses the workers of one attempt, rather not those that failed before. Throws where a role is missing. */
export type PlanAttempt = (avoid: ReadonlySet<WorkerId>) => Route;

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
  readonly #failed = new Set<WorkerId>();
  #count = 0;
  #tokensSent = 0;
  #pair: LegPair | undefined;

  constructor(plan: PlanAttempt, request: GenerationRequest, context: RequestContext, parts: AttemptsParts) {
    this.#plan = plan;
    this.#request = request;
    this.#context = context;
    this.#parts = parts;
    this.#figures = context.figures.answer();
  }

  /** The tokens of the attempt that succeeds, then one `end`. To be called once; leaving early ends everything. */
  async *events(): AsyncGenerator<GenerationEvent, void, void> {
    let route: Route | undefined = this.#plan(this.#failed);
    while (route) {
      const failure: Failure | undefined = yield* this.#attempt(route);
      route = failure && (await this.#next(failure));
    }
  }

  /** Asks for the end of the answer here; only an attempt that writes can be asked. */
  stop(): void {
    this.#pair?.stop();
  }

  /** Runs a pair to its end; returns a failure that another attempt may make good. */
  async *#attempt(route: Route): AsyncGenerator<GenerationEvent, Failure | undefined, void> {
    using _reservations = route;
    this.#count += 1;
    const [attempt, figures] = [this.#count, this.#figures];
    const pair = new LegPair(
      { route, attempt, figures, request: this.#request, context: this.#context },
      this.#parts,
    );
    this.#pair = pair;
    const ended = this.#parts.watch.began(route);
    let complete = false;
    try {
      for await (const event of pair.events()) {
        complete = event.type === "end";
        if (event.type === "tokens") {
          this.#tokensSent += event.tokenIds.length; // Before it is handed on (T2).
          route.wrote(event.tokenIds.length);
        }
        yield event;
      }
      return undefined;
    } catch (reason) {
      const error = BatonError.from(reason);
      for (const { id } of pair.suspects) this.#failed.add(id);
      const decision = this.#mayRetry(error, pair.suspects);
      if (decision.kind === "give_up") throw error;
      return { error, afterMs: decision.afterMs };
    } finally {
      ended({ complete, error: pair.failure, suspects: pair.suspects });
    }
  }

  #mayRetry(error: BatonError, suspects: readonly WorkerRecord[]): RetryDecision {
    const { random, retryLimits: limits } = this.#parts;
    const { signal, deadline } = this.#context;
    const progress = {
      attempts: this.#count,
      migrations: 0,
      tokensSent: this.#tokensSent,
      promptTokens: this.#request.promptTokenIds.length,
      resumable: false,
      canceled: signal.aborted,
      deadline,
    };
    const decision = mayRetry(error, progress, { now: systemClock.now(), random, limits });
    if (decision.kind === "give_up" || this.#canReplace(suspects)) return decision;
    return { kind: "give_up", why: "no other worker serves" };
  }

  /** Is there a worker for the place of at least one of these that has not failed the request? (T3) */
  #canReplace(suspects: readonly WorkerRecord[]): boolean {
    if (suspects.length === 0) return true; // Nobody's fault: the same workers may do.
    const others = this.#parts
      .view()
      .map(({ record }) => record)
      .filter(({ id, state }) => state === "serving" && !this.#failed.has(id));
    return suspects.some(({ role, model }) =>
      others.some((other) => other.model === model && (other.role === role || other.role === "aggregated")),
    );
  }

  /** Says so, waits, and plans the next attempt. */
  async #next({ error, afterMs }: Failure): Promise<Route> {
    const { trace, signal } = this.#context;
    const attempt = this.#count + 1;
    trace.event(EVENT.retry, {
      [ATTR.attempt]: attempt,
      [ATTR.errorType]: error.code,
      [ATTR.errorMessage]: error.message,
      [ATTR.retryDelay]: afterMs / 1000,
    });
    this.#parts.logger.info(
      { request: this.#request.requestId, ...traceFields(trace.header), attempt, reason: error.code },
      "Trying another pair of workers",
    );
    try {
      await pause(afterMs, undefined, { signal });
      return this.#plan(this.#failed);
    } catch (reason) {
      if (signal.aborted) throw signal.reason;
      throw BatonError.from(reason).code === "unavailable" ? error : reason; // T4
    }
  }
}
