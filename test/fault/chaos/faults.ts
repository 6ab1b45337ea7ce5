/**
 * What happens to the workers of the chaos run. Faults overlap, on different workers, and always leave one worker of
 * each role alone, so that there is somebody to go on with.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ChaosCluster } from "./chaos-cluster.ts";

/** What can happen to a worker. */
export const FAULTS = ["kill", "freeze", "drain", "cut", "add"] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultOptions {
  readonly random: () => number;
  /** Longest pause between two faults, ms. */
  readonly everyMs: number;
  /** Longest time that a worker is frozen or cut off, ms. */
  readonly longestMs: number;
  /** Faults at once; 2. */
  readonly atOnce?: number;
}

export class Faults {
  readonly #cluster: ChaosCluster;
  readonly #options: FaultOptions;
  readonly #happening = new Map<string, Promise<void>>();
  readonly #counts: Record<Fault, number> = { kill: 0, freeze: 0, drain: 0, cut: 0, add: 0 };
  readonly #failures: string[] = [];
  /** Workers that could not be brought back; no fault happens to them any more. */
  readonly #lost = new Set<string>();
  #added = 0;

  constructor(cluster: ChaosCluster, options: FaultOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** How often each has happened. */
  get counts(): Readonly<Record<Fault, number>> {
    return this.#counts;
  }

  /** Whether one is still to happen, without which a run shows too little; after a failure nobody waits for it. */
  get areAwaited(): boolean {
    return this.#missing() !== undefined && this.#failures.length === 0;
  }

  /** Workers that ended by themselves, did not end well when asked to, or did not start again. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Lets faults happen until the signal aborts; resolves when every worker is well again. */
  async run(signal: AbortSignal): Promise<void> {
    const { random, everyMs, atOnce = 2 } = this.#options;
    while (!signal.aborted) {
      const fault = this.#missing() ?? FAULTS[Math.floor(random() * FAULTS.length)]!;
      if (this.#happening.size < atOnce) this.#start(fault, signal);
      await pause(everyMs * (0.2 + 0.8 * random()), signal);
    }
    await Promise.all(this.#happening.values());
    for (const worker of this.#cluster.workers) this.#expectAlive(worker);
  }

  /** The first kind that has not happened. */
  #missing(): Fault | undefined {
    return FAULTS.find((fault) => this.#counts[fault] === 0);
  }

  #start(fault: Fault, signal: AbortSignal): void {
    const worker = fault === "add" ? `extra-${++this.#added}` : this.#victim(fault);
    if (worker === undefined) return;
    this.#counts[fault] += 1;
    if (fault !== "add") this.#expectAlive(worker);
    const over = this.#happen(fault, worker, signal)
      .catch((reason: unknown) => this.#lose(worker, `${fault}: ${String(reason)}`))
      .finally(() => this.#happening.delete(worker));
    this.#happening.set(worker, over);
  }

  #expectAlive(worker: string): void {
    const fate = this.#lost.has(worker) ? undefined : this.#cluster.fate(worker);
    if (fate !== undefined) this.#failures.push(`${worker} ${fate}`);
  }

  #lose(worker: string, why: string): void {
    this.#lost.add(worker);
    this.#failures.push(`${worker} could not be brought back after ${why}`);
  }

  /** A worker that nothing is happening to, and whose role has another such worker. */
  #victim(fault: Fault): string | undefined {
    const well = this.#cluster.workers.filter((name) => !this.#happening.has(name) && !this.#lost.has(name));
    const candidates = well.filter((name) => {
      if (fault === "cut" && !this.#cluster.canCut(name)) return false;
      return well.some((other) => other !== name && roleOf(other) === roleOf(name));
    });
    return candidates[Math.floor(this.#options.random() * candidates.length)];
  }

  async #happen(fault: Fault, worker: string, signal: AbortSignal): Promise<void> {
    const { random, longestMs } = this.#options;
    const duration = longestMs * random() ** 2;
    switch (fault) {
      case "kill":
        await this.#cluster.end(worker, "SIGKILL");
        return this.#cluster.restart(worker);
      case "drain": {
        const end = await this.#cluster.end(worker, "SIGTERM");
        if (end !== 0) this.#failures.push(`${worker} ended with ${end} when it was drained`);
        return this.#cluster.restart(worker);
      }
      case "freeze":
        this.#cluster.signal(worker, "SIGSTOP");
        await pause(duration, signal);
        return this.#cluster.signal(worker, "SIGCONT");
      case "cut":
        this.#cluster.cut(worker);
        await pause(duration, signal);
        return this.#cluster.heal(worker);
      case "add":
        await this.#cluster.addExtra(worker, random() < 0.5 ? "prefill" : "decode");
        await pause(duration, signal);
        return this.#cluster.remove(worker);
    }
  }
}

/** Ends at once when the run does. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

function roleOf(name: string): string {
  return name.split("-")[0]!;
}
