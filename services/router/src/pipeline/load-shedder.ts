/** Is there a worker that could take one more request? The rules are the routing package's; the bounds can be changed. */
import { BatonError } from "@baton/core";
import {
  type Availability,
  type BusyThresholds,
  decideShedding,
  type Shedding,
  type WorkerView,
} from "@baton/routing";

export interface LoadShedderOptions {
  readonly thresholds: BusyThresholds;
  readonly view: () => WorkerView;
  readonly availability: (view: WorkerView) => Availability;
}

export class LoadShedder {
  /** What counts as busy from the next request on. */
  thresholds: BusyThresholds;
  readonly #options: LoadShedderOptions;

  constructor(options: LoadShedderOptions) {
    this.#options = options;
    this.thresholds = options.thresholds;
  }

  /** Judges the roles that a request needs now; where one has no worker, routing says so. */
  judge(): Shedding {
    const view = this.#options.view();
    const { kind } = this.#options.availability(view);
    if (kind === "unavailable") return { kind: "admit" };
    const roles = kind === "aggregated" ? (["aggregated"] as const) : (["prefill", "decode"] as const);
    return decideShedding(roles, view, this.thresholds);
  }
}

/** Refuses a request because of a verdict. */
export function busyError({
  role,
  why,
  measured,
  threshold,
}: Extract<Shedding, { kind: "shed" }>): BatonError {
  const is =
    why === "kv_use"
      ? `the least busy one has ${percent(measured)} of its KV blocks in use, expected at most ${percent(threshold)}`
      : `${measured} prompt tokens wait on the least busy one, expected at most ${threshold}`;
  return new BatonError(
    "overloaded",
    `Cannot accept the request: every ${role} worker is busy, ${is}; try again later`,
  );
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
