export {
  type CallOutcome,
  type Circuit,
  CircuitBreakers,
  type CircuitLimits,
  DEFAULT_CIRCUIT_LIMITS,
  outcomeOf,
  type WatchedCall,
} from "./circuit-breaker.ts";
export {
  DEFAULT_DISAGGREGATION_BOUNDS,
  type DisaggregationBounds,
  type DisaggregationInputs,
  type DisaggregationMode,
  type DisaggregationVerdict,
  decideDisaggregation,
  uncachedOn,
} from "./disaggregation.ts";
export { DrainRate } from "./drain-rate.ts";
export { type BlockNames, blockNames, blockNamesFromBytes, countBlocks } from "./kv-index/block-names.ts";
export type { KvUpdate } from "./kv-index/kv-feed.ts";
export {
  DEFAULT_KV_INDEX_LIMITS,
  KvIndex,
  type KvIndexLimits,
  type KvIndexStatus,
  type KvVerdict,
  type WorkerIdentity,
} from "./kv-index/kv-index.ts";
export type { PromptOverlap, WorkerOverlap } from "./kv-index/prompt-overlap.ts";
export { type LegLoad, LoadLedger, type Reservation } from "./load-ledger.ts";
export { POLICY_NAMES, type PolicyName } from "./policy-names.ts";
export {
  backoffMs,
  DEFAULT_RETRY_LIMITS,
  mayMigrate,
  mayRetry,
  type RequestProgress,
  type RetryDecision,
  type RetryLimits,
  type RetryMoment,
} from "./retry.ts";
export {
  type Availability,
  createRoutePlanner,
  type RoutePlanner,
  type RoutePlannerOptions,
} from "./route-planner.ts";
export type { Candidate, Selection, WorkerCost } from "./routing-policy.ts";
export { DEFAULT_OVERLAP_CREDIT } from "./scorers/kv-cost.ts";
export {
  type BusyThresholds,
  DEFAULT_BUSY_THRESHOLDS,
  decideShedding,
  kvUseOf,
  type Shedding,
  whyBusy,
} from "./shedding.ts";
export { type WorkerCondition, WorkerConditions } from "./worker-conditions.ts";
export type {
  Impairment,
  RoutableWorker,
  RouteRequest,
  WorkerLoad,
  WorkerView,
} from "./worker-view.ts";
