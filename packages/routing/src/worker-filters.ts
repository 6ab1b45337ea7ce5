/** Which workers may be chosen at all, and which are preferred. */
import type { WorkerRole } from "@baton/core";
import type { RoutableWorker, RouteRequest } from "./worker-view.ts";

/** Keeps a worker as a candidate for a request, or not. */
export type WorkerFilter = (worker: RoutableWorker, request: RouteRequest) => boolean;

/** Starting workers cannot answer yet; draining ones only finish what they have. */
export const isServing: WorkerFilter = ({ record }) => record.state === "serving";

/** Token ids mean something to one model only. */
export const servesModel: WorkerFilter = ({ record }, { model }) => record.model === model;

/** Keeps the workers of one role. */
export function hasRole(role: WorkerRole): WorkerFilter {
  return ({ record }) => record.role === role;
}

/** The worker that the request asks for, where it asks for one. */
export function isWanted(role: WorkerRole): WorkerFilter {
  return ({ record }, { workers }) => {
    const wanted = role === "prefill" ? workers?.prefill : workers?.decode;
    return wanted === undefined || record.id === wanted;
  };
}

/** A worker without an impairment. A preference: an impaired worker may still answer, nobody certainly does not. */
export const isSound: WorkerFilter = ({ impaired }) => impaired === undefined;

/** A worker that has not failed this request. A preference, for the same reason. */
export const isUntried: WorkerFilter = ({ record }, { avoid }) => !avoid?.has(record.id);
