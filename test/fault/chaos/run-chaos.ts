/**
 * Must hold: whatever happens to the workers, every request ends within its deadline, as a success or a clear error;
 * what completes is exactly right; and nothing is left behind.
 */
import { readdir, readlink } from "node:fs/promises";
import { ensureBabbleCheckpoint } from "@baton/model/testing";
import { type Cluster, TEST_CACHE } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { MockAnswers } from "../../support/mock-answers.ts";
import { randomFrom } from "../../support/random.ts";
import { scrape, total } from "../../support/scrape.ts";
import { type Played, play } from "./chaos-client.ts";
import { ChaosCluster } from "./chaos-cluster.ts";
import { Faults } from "./faults.ts";

export interface ChaosOptions {
  /** At least so many; more if it takes longer until every fault has happened. */
  readonly requests: number;
  readonly seed: number;
  /** Requests at once. */
  readonly concurrency: number;
  readonly workersPerRole: number;
  /** Longest pause between faults, ms. */
  readonly faultEveryMs: number;
  /** Longest time that a worker is frozen or cut off, ms. */
  readonly longestFaultMs: number;
  /** The router's limit for a request, ms. */
  readonly timeoutMs: number;
  /** Told now and then. */
  readonly onProgress?: (report: ChaosReport) => void;
}

export interface ChaosReport {
  readonly requests: number;
  readonly successes: number;
  /** By code; `… after text` where the client had part of the answer. */
  readonly errors: Readonly<Record<string, number>>;
  readonly left: number;
  /** What must not happen; the first twenty. */
  readonly wrong: readonly string[];
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly seconds: number;
}

/** How much later than its deadline a client may hear of it: everything runs on one busy machine. */
const SLACK_MS = 5000;

/** Plays it, and waits until the cluster holds nothing any more. @throws Error saying what is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, workersPerRole, timeoutMs, faultEveryMs: everyMs, longestFaultMs: longestMs } = options;
  const answers = await MockAnswers.of(await ensureBabbleCheckpoint(TEST_CACHE));
  await using cluster = await ChaosCluster.start({ workersPerRole, timeoutMs });
  const socketsBefore = await routerSockets(cluster.inner);
  const faults = new Faults(cluster, { random: randomFrom(seed + 1), everyMs, longestMs });
  const enough = new AbortController();
  const healed = faults.run(enough.signal);
  const tally = new Tally(faults);
  const random = randomFrom(seed);
  let started = 0;
  const client = async () => {
    while (started < options.requests || !faults.haveAllHappened) {
      if (++started % 500 === 0) options.onProgress?.(tally.report());
      tally.add(await play({ url: cluster.url, answers, random, limitMs: timeoutMs + SLACK_MS }));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, client));
  enough.abort();
  await healed;
  await nothingLeft(cluster.inner, socketsBefore);
  return tally.report();
}

class Tally {
  readonly #faults: Faults;
  readonly #startedAt = performance.now();
  readonly #errors: Record<string, number> = {};
  readonly #wrong: string[] = [];
  #requests = 0;
  #successes = 0;
  #left = 0;
  #slowestMs = 0;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  add({ verdict, ms }: Played): void {
    this.#requests += 1;
    this.#slowestMs = Math.max(this.#slowestMs, ms);
    switch (verdict.kind) {
      case "success":
        this.#successes += 1;
        break;
      case "left":
        this.#left += 1;
        break;
      case "error": {
        const name = verdict.afterText ? `${verdict.code} after text` : verdict.code;
        this.#errors[name] = (this.#errors[name] ?? 0) + 1;
        break;
      }
      case "wrong":
        if (this.#wrong.length < 20) this.#wrong.push(verdict.what);
        break;
    }
  }

  report(): ChaosReport {
    return {
      requests: this.#requests,
      successes: this.#successes,
      errors: { ...this.#errors },
      left: this.#left,
      wrong: [...this.#wrong],
      faults: { ...this.#faults.counts },
      slowestMs: Math.round(this.#slowestMs),
      seconds: Math.round((performance.now() - this.#startedAt) / 1000),
    };
  }
}

/** No sequence, block, room, connection or span on any worker; no request and no reservation at the router. */
async function nothingLeft(cluster: Cluster, socketsBefore: number): Promise<void> {
  await cluster.ready();
  await cluster.atRest();
  await eventually("the router holds no request", async () => {
    const figures = await scrape(cluster, "router");
    return LEFT_AT_ROUTER.every((name) => total(figures, name) === 0);
  });
  const sockets = socketsBefore + SOCKETS_OF_WORKER * cluster.workers.length + SOCKETS_OF_LOOKING;
  await eventually(
    `the router has at most ${sockets} sockets`,
    async () => (await routerSockets(cluster)) <= sockets,
    { timeoutMs: 30_000, intervalMs: 250 },
  );
}

/** A worker that has served has a channel, and sends its spans over a connection of its own. */
const SOCKETS_OF_WORKER = 2;
/** Connections over which the run itself looks at the router. */
const SOCKETS_OF_LOOKING = 2;

const LEFT_AT_ROUTER = [
  "baton_requests_running",
  "baton_requests_waiting",
  "baton_router_worker_requests",
  "baton_router_worker_prefill_tokens",
  "baton_router_worker_decode_blocks",
  "baton_trace_spans_open",
];

/** Sockets that the router's process has open. */
async function routerSockets(cluster: Cluster): Promise<number> {
  const folder = `/proc/${cluster.process("router").child.pid}/fd`;
  const targets = (await readdir(folder)).map((fd) => readlink(`${folder}/${fd}`).catch(() => ""));
  return (await Promise.all(targets)).filter((target) => target.startsWith("socket:")).length;
}
