export type { WorkerCost } from "./kv-cost.ts";
export { LoadLedger, type Reservation } from "./load-ledger.ts";
export { type Availability, createRoutePlanner, type RoutePlanner } from "./route-planner.ts";
export type { Candidate, Selection } from "./routing-policy.ts";
export type { RoutableWorker, RouteRequest, WorkerLoad, WorkerView } from "./worker-view.ts";
