/** Which kind of route a request takes, and which workers: one policy per role. */
import { BatonError, type WorkerRole } from "@baton/core";
import { policySteps } from "./policies.ts";
import type { PolicyName } from "./policy-names.ts";
import { createRoutingPolicy, type RoutingPolicy, type Selection } from "./routing-policy.ts";
import { DEFAULT_OVERLAP_CREDIT } from "./scorers/kv-cost.ts";
import { hasRole, isServing, isSound, isUntried, isWanted, servesModel } from "./worker-filters.ts";
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

/** How to choose workers. */
export interface RoutePlannerOptions {
  /** Uniform in [0, 1), decides between equal candidates. */
  readonly random: () => number;
  /** Policy where prompts are computed, in pairs and on aggregated workers; default `kv`. */
  readonly prefillPolicy?: PolicyName;
  /** Policy where answers are decoded; default `kv`. */
  readonly decodePolicy?: PolicyName;
  /** How many blocks of waiting a cached prompt block makes up for under `kv`; default `DEFAULT_OVERLAP_CREDIT`. */
  readonly overlapCredit?: number;
  /** Weight of prompt blocks to compute under `kv`; default 1. */
  readonly prefillScale?: number;
  /** The same on decode workers; default 0, as they hold prompts and do not compute them unless they are told to. */
  readonly decodePrefillScale?: number;
  /** Temperature of `kv`; default 0, the cheapest. */
  readonly temperature?: number;
}

export function createRoutePlanner(options: RoutePlannerOptions): RoutePlanner {
  const { random, prefillPolicy = "kv", decodePolicy = "kv" } = options;
  const {
    overlapCredit = DEFAULT_OVERLAP_CREDIT,
    prefillScale = 1,
    decodePrefillScale = 0,
    temperature = 0,
  } = options;
  const defaults = { prefill: prefillPolicy, decode: decodePolicy, aggregated: prefillPolicy };
  const scales = { prefill: prefillScale, decode: decodePrefillScale, aggregated: prefillScale };
  const make = (role: WorkerRole, name: PolicyName): RoutingPolicy =>
    createRoutingPolicy(
      policySteps(name, { random, temperature, weights: { prefillScale: scales[role], overlapCredit } }),
      { filters: [hasRole(role), isServing, servesModel, isWanted(role)], preferences: [isUntried, isSound] },
    );
  // Each is made when it is first asked for, and keeps its memory (turns, history) from then on.
  const policies = new Map<string, RoutingPolicy>();
  const policyOf = (role: WorkerRole, { policies: wanted }: RouteRequest): RoutingPolicy => {
    const name = (role === "decode" ? wanted?.decode : wanted?.prefill) ?? defaults[role];
    const key = `${role}/${name}`;
    const policy = policies.get(key) ?? make(role, name);
    policies.set(key, policy);
    return policy;
  };
  return {
    availability: (model, view) => availability(model, view),
    select(role, request, view) {
      const selection = policyOf(role, request)(request, view);
      if (!selection) throw noWorker(role, request);
      return selection;
    },
  };
}

function availability(model: string, view: WorkerView): Availability {
  const serves = (role: WorkerRole) =>
    view.some(({ record }) => record.role === role && record.state === "serving" && record.model === model);
  const missing = PAIR.filter((role) => !serves(role));
  if (missing.length === 0) return DISAGGREGATED;
  return serves("aggregated") ? { kind: "aggregated" } : { kind: "unavailable", missing };
}

const PAIR = ["prefill", "decode"] as const;
const DISAGGREGATED: Availability = { kind: "disaggregated" };

function noWorker(role: WorkerRole, { model, workers }: RouteRequest): BatonError {
  const wanted = role === "prefill" ? workers?.prefill : workers?.decode;
  if (wanted !== undefined) {
    return new BatonError(
      "invalid_argument",
      `Cannot route the request to the ${role} worker "${wanted}": none of that id serves "${model}", expected one of GET /workers`,
    );
  }
  return new BatonError(
    "unavailable",
    `Cannot route the request: no ${role} worker serves "${model}", expected at least one`,
  );
}
