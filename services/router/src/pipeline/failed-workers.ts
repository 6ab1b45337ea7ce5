/** Owns which workers have failed one request. A worker that was restarted has its id and another epoch: it has not. */
import type { WorkerId, WorkerRecord } from "@baton/core";
import type { WorkerView } from "@baton/routing";

export class FailedWorkers {
  readonly #failed = new Set<string>();

  add(workers: readonly WorkerRecord[]): void {
    for (const worker of workers) this.#failed.add(identityOf(worker));
  }

  /** Those of the view that have failed. */
  in(view: () => WorkerView): ReadonlySet<WorkerId> {
    if (this.#failed.size === 0) return new Set();
    const failed = view().filter(({ record }) => this.#failed.has(identityOf(record)));
    return new Set(failed.map(({ record }) => record.id));
  }

  /** Is there a worker for the place of at least one of these that has not failed the request? */
  canReplaceOneOf(suspects: readonly WorkerRecord[], view: WorkerView): boolean {
    if (suspects.length === 0) return true; // Nobody's fault: the same workers may do.
    const others = view
      .map(({ record }) => record)
      .filter((record) => record.state === "serving" && !this.#failed.has(identityOf(record)));
    return suspects.some(({ role, model }) =>
      others.some((other) => other.model === model && (other.role === role || other.role === "aggregated")),
    );
  }
}

function identityOf({ id, epoch }: WorkerRecord): string {
  return `${id}/${epoch}`;
}
