/**
 * Both legs of a request on one route, side by side.
 *
 *   R1  The first leg to fail aborts the other at once, and its error is what the caller sees.
 *   R2  The events end, and errors are thrown, only after both legs have ended.
 *   R3  A prefill leg that fails once the decode leg has written something does not fail the answer: all KV has been
 *       handed over.
 *   R4  Under suspicion is the worker of the leg that failed first; for a failed transfer, both ends of it. So too for
 *       a lost worker, until the KV has been handed over: the leg may have lost its own, or tell that its own has lost
 *       the other.
 *   R5  Legs on a worker that is abandoned fail at once.
 */
import {
  abortWith,
  BatonError,
  formatRoom,
  type GenerationEvent,
  type GenerationRequest,
  type Logger,
  traceFields,
  type WorkerRecord,
} from "@baton/core";
import type { KvHandover } from "@baton/rpc";
import { ATTR, SPAN, type Stage } from "@baton/tracing";
import type { WorkerClients } from "../clients/worker-clients.ts";
import type { AnswerFigures } from "../request-figures.ts";
import type { RequestContext } from "./completion-call.ts";
import { decodeLeg } from "./decode-leg.ts";
import { prefillLeg } from "./prefill-leg.ts";
import type { Route, RoutedLeg } from "./route.ts";

/**
 * How long what is left of a request may take once its answer is complete, in ms: the prefill worker reporting the
 * acknowledged hand-over, the decode worker ending a generation that was told to stop.
 */
const WIND_UP_MS = 2000;

/** How long a complete answer waits for the report of its prefill leg, in ms: it is on its way since before the answer. */
const REPORT_MS = 20;

export interface LegPairParts {
  readonly clients: WorkerClients;
  readonly logger: Logger;
}

/** One attempt of a request. */
export interface LegPairCall {
  readonly route: Route;
  readonly request: GenerationRequest;
  readonly context: Pick<RequestContext, "trace" | "signal">;
  /** From 1. */
  readonly attempt: number;
  readonly figures: LegPairFigures;
}

/** Told how the legs get on. */
export type LegPairFigures = Pick<AnswerFigures, "tokens" | "prefilled" | "decoded">;

export class LegPair {
  readonly #route: Route;
  readonly #request: GenerationRequest;
  readonly #context: Pick<RequestContext, "trace" | "signal">;
  readonly #attempt: number;
  readonly #parts: LegPairParts;
  readonly #figures: LegPairFigures;
  /** Aborts with the request, or to end both legs. */
  readonly #legs = new AbortController();
  readonly #signal = this.#legs.signal;
  /** The decode worker has all of the KV. */
  #handedOver = false;
  #rootCause: BatonError | undefined;
  #suspects: readonly WorkerRecord[] = [];
  #stopCall: Promise<void> | undefined;
  #windUp: NodeJS.Timeout | undefined;

  constructor({ route, request, context, attempt, figures }: LegPairCall, parts: LegPairParts) {
    this.#route = route;
    this.#request = request;
    this.#context = context;
    this.#attempt = attempt;
    this.#figures = figures;
    this.#parts = parts;
  }

  /** Workers that may be at fault for the failure of the pair (R4); none before one, and where it is nobody's. */
  get suspects(): readonly WorkerRecord[] {
    return this.#suspects;
  }

  /** What the first leg to fail failed with. */
  get failure(): BatonError | undefined {
    return this.#rootCause;
  }

  /** Runs both legs; yields the answer's tokens and then one `end`. To be called once; leaving early aborts both. */
  async *events(): AsyncGenerator<GenerationEvent, void, void> {
    const stopFollowing = abortWith(this.#context.signal, this.#legs);
    const prefill = this.#runPrefill();
    const stopWatching = this.#watchWorkers();
    let complete = false;
    try {
      for await (const event of this.#decodeEvents()) {
        this.#handedOver = true;
        complete = event.type === "end";
        if (event.type === "tokens") this.#figures.tokens(event.tokenIds.length);
        else {
          this.#figures.decoded(event.timings);
          await settledWithin(prefill, REPORT_MS);
        }
        yield event;
      }
    } catch (reason) {
      throw this.#fail(reason, this.#route.decode);
    } finally {
      stopWatching();
      if (!complete) this.#abort("the answer is no longer wanted");
      this.#startWindUp();
      await Promise.all([prefill, this.#stopCall]);
      clearTimeout(this.#windUp);
      stopFollowing();
    }
  }

  /** Asks the decode worker to end the answer here; its `end` follows, or an error within the time to wind up. */
  stop(): void {
    this.#startWindUp();
    const { worker } = this.#route.decode;
    this.#stopCall ??= this.#parts.clients
      .decode(worker)
      .stop(
        { requestId: this.#request.requestId, attempt: this.#attempt },
        // Below the request, not the decode leg: this call may outlive that leg by a moment.
        { signal: this.#signal, run: (start) => this.#context.trace.run(start) },
      )
      .catch((reason: unknown) => this.#warn("Stop call failed", worker.id, reason));
  }

  /** Never rejects: a failure becomes the pair's (R1). */
  async #runPrefill(): Promise<void> {
    const leg = this.#route.prefill;
    if (!leg) return;
    try {
      const timings = await prefillLeg({
        client: this.#parts.clients.prefill(leg.worker),
        request: this.#request,
        room: leg.room,
        attempt: this.#attempt,
        stage: this.#stage(SPAN.prefillLeg, leg),
        signal: this.#signal,
      });
      this.#figures.prefilled(timings);
    } catch (reason) {
      if (!this.#handedOver) this.#fail(reason, leg);
      else if (!this.#signal.aborted) this.#warn("Leg failed after the hand-over", leg.worker.id, reason); // R3
    } finally {
      leg.release();
    }
  }

  /** Nobody waits for a worker that may never answer (R5). */
  #watchWorkers(): () => void {
    const { clients } = this.#parts;
    const { prefill, decode } = this.#route;
    const stopDecode = clients.onAbandoned(decode.worker, () => void this.#fail(removed(decode), decode));
    const stopPrefill =
      prefill &&
      clients.onAbandoned(prefill.worker, () => {
        if (!this.#handedOver) this.#fail(removed(prefill), prefill); // R3
      });
    return () => {
      stopDecode();
      stopPrefill?.();
    };
  }

  #decodeEvents(): AsyncGenerator<GenerationEvent, void, void> {
    const leg = this.#route.decode;
    return decodeLeg({
      client: this.#parts.clients.decode(leg.worker),
      request: this.#request,
      handover: this.#handover(),
      attempt: this.#attempt,
      stage: this.#stage(SPAN.decodeLeg, leg),
      signal: this.#signal,
    });
  }

  #handover(): KvHandover | undefined {
    const { prefill } = this.#route;
    if (!prefill) return undefined;
    const { kvAddress, id } = prefill.worker;
    if (!kvAddress) throw new BatonError("internal", `Cannot hand over from "${id}": it has no KV address`);
    return { ...kvAddress, room: prefill.room };
  }

  #stage(name: string, leg: RoutedLeg): Stage {
    const room = this.#route.prefill?.room;
    return this.#context.trace.stage(name, {
      attributes: {
        [ATTR.bootstrapRoom]: room && formatRoom(room),
        [ATTR.workerId]: leg.worker.id,
        [ATTR.attempt]: this.#attempt,
        [ATTR.answeredTokens]: this.#request.answeredTokenIds?.length,
      },
    });
  }

  /** Aborts what still runs and returns the error that started it all. */
  #fail(reason: unknown, { worker }: RoutedLeg): BatonError {
    const { signal } = this.#context;
    const error = signal.aborted ? BatonError.from(signal.reason) : this.#failureOf(reason);
    if (!this.#signal.aborted) {
      this.#warn("Leg failed", worker.id, error);
      this.#suspects = this.#suspectsOf(error, worker);
    }
    // gRPC's own timer may be the first to notice; what it says is about the call, not the request.
    this.#rootCause ??= error.code === "deadline_exceeded" ? deadlinePassed(error) : error;
    this.#abort(`the other leg failed: ${this.#rootCause.message}`);
    return this.#rootCause;
  }

  /** A worker that says "canceled" while nobody here has canceled passes on that the other lost its connection to us. */
  #failureOf(reason: unknown): BatonError {
    const error = BatonError.from(reason);
    if (error.code !== "canceled" || this.#signal.aborted) return error;
    return new BatonError("worker_lost", error.message, { cause: error });
  }

  #suspectsOf({ code }: BatonError, worker: WorkerRecord): readonly WorkerRecord[] {
    const { prefill, decode } = this.#route;
    if (code === "room_conflict") return [];
    const concernsBoth = code === "kv_transfer_failed" || code === "worker_lost";
    return concernsBoth && prefill && !this.#handedOver ? [prefill.worker, decode.worker] : [worker];
  }

  #abort(why: string): void {
    this.#legs.abort(new BatonError("canceled", `Canceled: ${why}`));
  }

  #startWindUp(): void {
    this.#windUp ??= setTimeout(() => this.#abort(`it did not end within ${WIND_UP_MS} ms`), WIND_UP_MS);
  }

  #warn(message: string, worker: string, reason: unknown): void {
    this.#parts.logger.warn(
      {
        request: this.#request.requestId,
        ...traceFields(this.#context.trace.header),
        worker,
        err: BatonError.from(reason),
      },
      message,
    );
  }
}

function removed({ worker }: RoutedLeg): BatonError {
  return new BatonError("unavailable", `Cannot go on with the call: worker "${worker.id}" was removed`);
}

function deadlinePassed(cause: BatonError): BatonError {
  return new BatonError("deadline_exceeded", "Cannot finish the answer: the request's deadline passed", {
    cause,
  });
}

/** Waits for the end of work that never rejects, but not for long. */
async function settledWithin(work: Promise<void>, limitMs: number): Promise<void> {
  const timeUp = Promise.withResolvers<void>();
  const timer = setTimeout(timeUp.resolve, limitMs);
  await Promise.race([work, timeUp.promise]);
  clearTimeout(timer);
}
