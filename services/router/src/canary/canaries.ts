/**
 * Tries workers that nobody has used for a while, so that a broken one is known before a client finds out.
 *
 *   C1  A worker is tried when its last request or canary ended longer ago than the interval; one whose last canary
 *       failed, sooner: a circuit opens after several failures, and a half-open one is closed by trials.
 *   C2  At most one canary runs on a worker that is due.
 */
import { BatonError, type Clock, type Logger, type WorkerRecord } from "@baton/core";
import type { WorkerView } from "@baton/routing";
import { dueCanaries } from "./due-canaries.ts";
import { type ProbedWorkers, type Prober, workersOf } from "./prober.ts";

/** How soon a worker is tried again after a failed canary, and how often it is looked for those that are due, in ms. */
const AGAIN_MS = 1000;
/** How long a canary may take, in ms. */
const TIMEOUT_MS = 10_000;

export interface CanariesParts {
  readonly prober: Pick<Prober, "probe">;
  readonly view: () => WorkerView;
  /** Epoch ms at which a request last ended on the worker; undefined if none has. */
  readonly usedAt: (worker: WorkerRecord) => number | undefined;
  /** How long a worker is left alone, in ms. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** What canaries know of one worker. */
interface Standing {
  /** Epoch ms: when it was first seen, or its last canary ended. */
  readonly since: number;
  readonly failed: boolean;
  readonly running: boolean;
}

export class Canaries implements Disposable {
  readonly #parts: CanariesParts;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #standings: ReadonlyMap<string, Standing> = new Map();

  /** Begins to watch. */
  constructor(parts: CanariesParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#look(), Math.min(AGAIN_MS, parts.intervalMs)).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#stop.abort(new BatonError("canceled", "Canceled: the router is stopping"));
  }

  #look(): void {
    const { view, clock, random } = this.#parts;
    const now = clock.now();
    const workers = view();
    const fresh = { since: now, failed: false, running: false };
    this.#standings = new Map(
      workers.map(({ record }) => [keyOf(record), this.#standings.get(keyOf(record)) ?? fresh]),
    );
    for (const probed of dueCanaries(workers, (worker) => this.#isDue(worker, now), random)) {
      void this.#try(probed);
    }
  }

  #isDue(worker: WorkerRecord, now: number): boolean {
    const { usedAt, intervalMs } = this.#parts;
    const { since, failed, running } = this.#standings.get(keyOf(worker))!;
    if (running) return false;
    if (failed) return now - since >= Math.min(AGAIN_MS, intervalMs);
    return now - Math.max(since, usedAt(worker) ?? 0) >= intervalMs;
  }

  /** Never rejects. */
  async #try(probed: ProbedWorkers): Promise<void> {
    const { prober, logger } = this.#parts;
    const workers = workersOf(probed);
    this.#note(workers, { failed: false, running: true });
    try {
      await prober.probe(probed, TIMEOUT_MS, this.#stop.signal);
      this.#note(workers, { failed: false, running: false });
    } catch (err) {
      if (this.#stop.signal.aborted) return;
      this.#note(workers, { failed: true, running: false });
      logger.warn({ workers: workers.map(({ id }) => id), err }, "Canary failed");
    }
  }

  #note(workers: readonly WorkerRecord[], standing: Omit<Standing, "since">): void {
    const since = this.#parts.clock.now();
    const known = workers.map(keyOf).filter((key) => this.#standings.has(key));
    this.#standings = new Map([
      ...this.#standings,
      ...known.map((key) => [key, { ...standing, since }] as const),
    ]);
  }
}

function keyOf({ id, epoch }: WorkerRecord): string {
  return `${id}/${epoch}`;
}
