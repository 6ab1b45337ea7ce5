/**
 * Small requests of the router itself, through real workers: the whole way of a request's legs, the engines' forward
 * passes and the hand-over included. They ask for two tokens: the first is the prefill worker's, and only the second is
 * one that the decode worker has computed.
 *
 *   P1  A probe is in no trace, in no metric of requests, and in no index of prefixes: its prompt fills no block.
 *   P2  Its end is charged to the workers' circuits like that of any attempt; silence is a failure of all its workers.
 */
import { randomBytes } from "node:crypto";
import {
  BatonError,
  deadlineSignal,
  type GenerationRequest,
  NEUTRAL_SAMPLING,
  requestId,
  systemClock,
  type WorkerRecord,
} from "@baton/core";
import { nullRequestTracer } from "@baton/tracing";
import { LegPair, type LegPairFigures, type LegPairParts } from "../pipeline/leg-pair.ts";
import { drawRoom } from "../pipeline/plan.ts";
import type { Route, RoutedLeg } from "../pipeline/route.ts";
import type { WorkerWatch } from "../pipeline/worker-watch.ts";

/** The workers of a probe; without `prefill`, one that does both. */
export interface ProbedWorkers {
  readonly prefill?: WorkerRecord;
  readonly decode: WorkerRecord;
}

export interface ProberParts extends LegPairParts {
  readonly watch: Pick<WorkerWatch, "began">;
}

/** Any token of any model. */
const PROMPT = [0];

const TOKENS = 2;

const UNMEASURED: LegPairFigures = { tokens() {}, prefilled() {}, decoded() {} };

export class Prober {
  readonly #parts: ProberParts;

  constructor(parts: ProberParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the workers have answered.
   * @throws BatonError what failed; `unavailable` when there was no answer for `timeoutMs`; the signal's reason
   */
  async probe(workers: ProbedWorkers, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const route = routeTo(workers);
    const deadline = systemClock.now() + timeoutMs;
    using limit = deadlineSignal(deadline, signal);
    const trace = nullRequestTracer.startRequest("probe", undefined);
    const context = { trace, signal: limit.signal };
    const request = requestOf(deadline);
    const pair = new LegPair({ route, attempt: 1, figures: UNMEASURED, request, context }, this.#parts);
    const ended = this.#parts.watch.began(route);
    try {
      for await (const _event of pair.events());
      ended({ complete: true, error: undefined, suspects: [] });
    } catch (reason) {
      const isSilent = limit.signal.aborted && !signal.aborted;
      const error = isSilent ? silent(workers, timeoutMs) : BatonError.from(reason);
      const suspects = isSilent ? workersOf(workers) : pair.suspects;
      ended({ complete: false, error, suspects });
      throw error;
    }
  }
}

/** Those that a probe runs on. */
export function workersOf({ prefill, decode }: ProbedWorkers): readonly WorkerRecord[] {
  return prefill ? [prefill, decode] : [decode];
}

function requestOf(deadline: number): GenerationRequest {
  return {
    requestId: requestId(`probe-${randomBytes(8).toString("hex")}`),
    promptTokenIds: PROMPT,
    sampling: { ...NEUTRAL_SAMPLING, temperature: 0, maxTokens: TOKENS },
    probe: true,
    deadline,
  };
}

/** Too small to be counted as load. */
function routeTo({ prefill, decode }: ProbedWorkers): Route {
  return {
    ...(prefill && { prefill: { ...legOn(prefill), room: drawRoom() } }),
    decode: legOn(decode),
    why: prefill ? "mode" : "aggregated",
    wrote() {},
    [Symbol.dispose]() {},
  };
}

function legOn(worker: WorkerRecord): RoutedLeg {
  return { worker, promptBlocks: 0, overlapBlocks: 0, prefillEnded() {}, grow() {}, release() {} };
}

function silent(workers: ProbedWorkers, timeoutMs: number): BatonError {
  const names = workersOf(workers)
    .map(({ id }) => `"${id}"`)
    .join(" and ");
  return new BatonError(
    "unavailable",
    `Cannot get a token from ${names}: there was no answer for ${timeoutMs} ms`,
  );
}
