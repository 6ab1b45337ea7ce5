/** Filter, score, pick: how one worker is chosen for one leg of a request. */
import type { CostFunction, WorkerCost } from "./kv-cost.ts";
import type { WorkerFilter } from "./worker-filters.ts";
import type { RoutableWorker, RouteRequest, WorkerView } from "./worker-view.ts";

/** A worker that passed the filters, with its cost. */
export interface Candidate {
  readonly worker: RoutableWorker;
  readonly cost: WorkerCost;
}

/** Takes one of at least one candidates. */
export type WorkerPicker = (candidates: readonly Candidate[]) => Candidate;

/** The decision and everything it was made from. */
export interface Selection {
  readonly chosen: Candidate;
  readonly candidates: readonly Candidate[];
}

/** Chooses a worker; undefined when no worker passes the filters. Synchronous, and never changes the view. */
export type RoutingPolicy = (request: RouteRequest, view: WorkerView) => Selection | undefined;

/** Composes a policy from its three steps; a worker is a candidate when every filter keeps it. */
export function createRoutingPolicy(steps: {
  readonly filters: readonly WorkerFilter[];
  readonly cost: CostFunction;
  readonly picker: WorkerPicker;
}): RoutingPolicy {
  return (request, view) => {
    const candidates = view
      .filter((worker) => steps.filters.every((keeps) => keeps(worker, request)))
      .map((worker) => ({ worker, cost: steps.cost(worker, request) }));
    return candidates.length === 0 ? undefined : { chosen: steps.picker(candidates), candidates };
  };
}
