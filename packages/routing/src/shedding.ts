/** Is there anybody who could take one more request? Rules over a view; the queue and the waiting are the caller's. */
import type { WorkerRole } from "@baton/core";
import type { RoutableWorker, WorkerView } from "./worker-view.ts";

/** From when on a worker is busy; adjustable while the router runs. */
export interface BusyThresholds {
  /** Share of KV blocks in use, 0 to 1; with 1 nobody is ever busy for it. */
  readonly kvUse: number;
  /** Prompt tokens that wait on one worker. */
  readonly waitingTokens: number;
}

/**
 * Never, unless told otherwise: workers queue what they have no room for, and a burst that fills them for a moment should
 * wait rather than fail. How much may wait is bounded by admission in any case.
 */
export const DEFAULT_BUSY_THRESHOLDS: BusyThresholds = { kvUse: 1, waitingTokens: 1_000_000_000 };

/** The answer, with what the refusal is made of. */
export type Shedding =
  | { readonly kind: "admit" }
  | {
      readonly kind: "shed";
      readonly role: WorkerRole;
      readonly why: "kv_use" | "waiting_tokens";
      /** What was measured on the least busy worker, in the unit of the threshold. */
      readonly measured: number;
      readonly threshold: number;
    };

/**
 * Why a worker takes no more, or undefined. What a worker reports and what was sent to it both count. An overload mark
 * does not: it says that a worker refused a moment ago, which is reason to ask another first, not to ask nobody.
 */
export function whyBusy(worker: RoutableWorker, thresholds: BusyThresholds) {
  const kvUse = kvUseOf(worker);
  const waiting = waitingTokensOf(worker);
  if (thresholds.kvUse < 1 && kvUse > thresholds.kvUse) {
    return { why: "kv_use", measured: kvUse, threshold: thresholds.kvUse } as const;
  }
  if (waiting > thresholds.waitingTokens) {
    return { why: "waiting_tokens", measured: waiting, threshold: thresholds.waitingTokens } as const;
  }
  return undefined;
}

/** Sheds when, for a role that a request needs, every serving worker is busy. A role with no worker is not judged. */
export function decideShedding(
  roles: readonly WorkerRole[],
  view: WorkerView,
  thresholds: BusyThresholds,
): Shedding {
  for (const role of roles) {
    const serving = view.filter(({ record }) => record.role === role && record.state === "serving");
    const reasons = serving.map((worker) => whyBusy(worker, thresholds));
    const busy = reasons.filter((reason) => reason !== undefined);
    if (serving.length === 0 || busy.length < serving.length) continue;
    const mildest = busy.reduce((least, reason) => (reason.measured < least.measured ? reason : least));
    return { kind: "shed", role, ...mildest };
  }
  return { kind: "admit" };
}

/** Share of KV blocks in use; the larger of what the worker says and what was sent to it. */
export function kvUseOf({ record, load, report }: RoutableWorker): number {
  return Math.max(report?.usedBlocks ?? 0, load.decodeBlocks) / record.capacity.kvBlocks;
}

function waitingTokensOf({ load, report }: RoutableWorker): number {
  return Math.max(report?.waitingTokens ?? 0, load.prefillTokens);
}
