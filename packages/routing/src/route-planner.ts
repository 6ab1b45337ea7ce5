/** Which kind of route a request takes, and which workers: one policy per role. */
import { BatonError, type WorkerRole } from "@baton/core";
import { kvCost } from "./kv-cost.ts";
import { lowestCost } from "./lowest-cost-picker.ts";
import { createRoutingPolicy, type RoutingPolicy, type Selection } from "./routing-policy.ts";
import { hasRole, isServing, servesModel } from "./worker-filters.ts";
import type { RouteRequest, WorkerView } from "./worker-view.ts";

/** How requests for a model can be served at this moment. */
export type Availability =
  | { readonly kind: "disaggregated" }
  | { readonly kind: "aggregated" }
  | { readonly kind: "unavailable"; readonly missing: readonly WorkerRole[] };

/** Synchronous decisions on a frozen view. */
export interface RoutePlanner {
  /** A prefill and decode pair is preferred over an aggregated worker when both could serve. */
  availability(model: string, view: WorkerView): Availability;
  /** @throws BatonError `unavailable` when no worker of the role serves the model. */
  select(role: WorkerRole, request: RouteRequest, view: WorkerView): Selection;
}

/** @param options.random uniform in [0, 1), decides between equal candidates */
export function createRoutePlanner(options: { readonly random: () => number }): RoutePlanner {
  const policy = (role: WorkerRole, prefillScale: number): RoutingPolicy =>
    createRoutingPolicy({
      filters: [hasRole(role), isServing, servesModel],
      cost: kvCost({ prefillScale }),
      picker: lowestCost(options.random),
    });
  const policies: Record<WorkerRole, RoutingPolicy> = {
    prefill: policy("prefill", 1),
    decode: policy("decode", 0),
    aggregated: policy("aggregated", 1),
  };
  return {
    availability: (model, view) => availability(model, view),
    select(role, request, view) {
      const selection = policies[role](request, view);
      if (!selection) throw noWorker(role, request.model);
      return selection;
    },
  };
}

function availability(model: string, view: WorkerView): Availability {
  const serving = new Set(
    view
      .filter(({ record }) => record.state === "serving" && record.model === model)
      .map(({ record }) => record.role),
  );
  const missing = (["prefill", "decode"] as const).filter((role) => !serving.has(role));
  if (missing.length === 0) return { kind: "disaggregated" };
  return serving.has("aggregated") ? { kind: "aggregated" } : { kind: "unavailable", missing };
}

function noWorker(role: WorkerRole, model: string): BatonError {
  return new BatonError(
    "unavailable",
    `Cannot route the request: no ${role} worker serves "${model}", expected at least one`,
  );
}
