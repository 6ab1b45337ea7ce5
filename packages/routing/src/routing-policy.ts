/** Filter, score, pick: how one worker is chosen for one leg of a request. */
import type { WorkerFilter } from "./worker-filters.ts";
import type { RoutableWorker, RouteRequest, WorkerView } from "./worker-view.ts";

/** One candidate's cost and what it was made from, in blocks. */
export interface WorkerCost {
  /** The smaller the better; its unit is the scorer's. */
  readonly total: number;
  readonly promptBlocks: number;
  /** Leading prompt blocks that the worker already holds. */
  readonly overlapBlocks: number;
  readonly activePrefillBlocks: number;
  readonly activeDecodeBlocks: number;
  /** All blocks that the worker is known to hold. */
  readonly cacheBlocks: number;
}

/** A worker that passed the filters, with its cost. */
export interface Candidate {
  readonly worker: RoutableWorker;
  readonly cost: WorkerCost;
}

/**
 * Scores the candidates of a request; sees all at once, as some costs are relative. One cost per candidate, in order.
 * `everyone` is the whole view, for scorers that remember workers: one that is no candidate today may be one tomorrow.
 */
export type Scorer = (
  candidates: WorkerView,
  request: RouteRequest,
  everyone: WorkerView,
) => readonly WorkerCost[];

/** Takes one of at least one candidates. */
export type WorkerPicker = (candidates: readonly Candidate[], request: RouteRequest) => Candidate;

/** The decision and everything it was made from. */
export interface Selection {
  readonly chosen: Candidate;
  readonly candidates: readonly Candidate[];
}

/** The part of a policy that its name stands for. */
export interface PolicySteps {
  readonly score: Scorer;
  readonly pick: WorkerPicker;
  /** Told of every choice, for policies that learn from their own. */
  readonly remember?: (chosen: RoutableWorker, request: RouteRequest) => void;
}

/** Chooses a worker; undefined when no worker passes the filters. Synchronous, and never changes the view. */
export type RoutingPolicy = (request: RouteRequest, view: WorkerView) => Selection | undefined;

/**
 * Composes a policy. A worker is a candidate when every filter keeps it; a preference is a filter that is passed over
 * when it would leave nobody.
 */
export function createRoutingPolicy(
  steps: PolicySteps,
  choose: { readonly filters: readonly WorkerFilter[]; readonly preferences: readonly WorkerFilter[] },
): RoutingPolicy {
  return (request, view) => {
    let workers = view.filter((worker) => choose.filters.every((keeps) => keeps(worker, request)));
    for (const prefers of choose.preferences) {
      const preferred = workers.filter((worker) => prefers(worker, request));
      if (preferred.length > 0) workers = preferred;
    }
    if (workers.length === 0) return undefined;
    const costs = steps.score(workers, request, view);
    const candidates = workers.map((worker, index) => ({ worker, cost: costs[index]! }));
    const chosen = steps.pick(candidates, request);
    steps.remember?.(chosen.worker, request);
    return { chosen, candidates };
  };
}
