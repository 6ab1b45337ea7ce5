/**
 * What is known of workers beside the router's own bookkeeping. Each figure has one writer: a worker's load stream
 * writes its report, a refusal writes the overload mark, the outcomes of calls write the circuit. Reports and marks
 * expire by themselves.
 */
import type { LoadReport, WorkerRecord } from "@baton/core";
import { type CircuitBreakers, letsThrough } from "./circuit-breaker.ts";
import type { Impairment } from "./worker-view.ts";

/** One worker's part of a view. */
export interface WorkerCondition {
  readonly report?: LoadReport;
  readonly impaired?: Impairment;
}

type Identity = Pick<WorkerRecord, "id" | "epoch">;

interface Entry {
  readonly epoch: string;
  reported?: { readonly report: LoadReport; readonly until: number } | undefined;
  /** Epoch ms at which the overload mark expires. */
  overloadedUntil?: number;
}

export class WorkerConditions {
  readonly #circuits: CircuitBreakers;
  readonly #entries = new Map<string, Entry>();

  constructor(circuits: CircuitBreakers) {
    this.#circuits = circuits;
  }

  /** Takes in what a worker says of itself, believed until `until` (epoch ms); the latest report counts. */
  reported(worker: Identity, report: LoadReport, until: number): void {
    this.#entry(worker).reported = { report, until };
  }

  /** Drops a worker's report: it is not heard any more. */
  unheard(worker: Identity): void {
    const entry = this.#known(worker);
    if (entry) entry.reported = undefined;
  }

  /** Marks a worker that refused a request as overloaded; the mark expires by itself at `until` (epoch ms). */
  refused(worker: Identity, until: number): void {
    const entry = this.#entry(worker);
    entry.overloadedUntil = Math.max(entry.overloadedUntil ?? until, until);
  }

  /** What is known of a worker at `now` (epoch ms). */
  of(worker: Identity, now: number): WorkerCondition {
    const entry = this.#known(worker);
    const impaired = this.#impairment(worker, entry, now);
    const { report, until = 0 } = entry?.reported ?? {};
    return { ...(report && until > now && { report }), ...(impaired && { impaired }) };
  }

  /** Forgets all workers but these. */
  retain(workers: readonly Identity[]): void {
    const epochs = new Map(workers.map(({ id, epoch }) => [String(id), epoch]));
    for (const [id, { epoch }] of this.#entries) if (epochs.get(id) !== epoch) this.#entries.delete(id);
    this.#circuits.retain(workers);
  }

  #impairment(worker: Identity, entry: Entry | undefined, now: number): Impairment | undefined {
    if (!letsThrough(this.#circuits.of(worker, now))) return "circuit_open";
    return (entry?.overloadedUntil ?? 0) > now ? "overloaded" : undefined;
  }

  #known({ id, epoch }: Identity): Entry | undefined {
    const entry = this.#entries.get(id);
    return entry?.epoch === epoch ? entry : undefined;
  }

  #entry(worker: Identity): Entry {
    const known = this.#known(worker);
    if (known) return known;
    const entry: Entry = { epoch: worker.epoch };
    this.#entries.set(worker.id, entry);
    return entry;
  }
}
