/**
 * Must hold: whatever happens to the workers, every request ends within its deadline, as a success or a clear error;
 * what completes is exactly right; and nothing is left behind.
 */
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { type Cluster, TEST_CACHE } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { MockAnswers } from "../../support/mock-answers.ts";
import { randomFrom } from "../../support/random.ts";
import { collect, post } from "../../support/sse.ts";
import { play } from "./chaos-client.ts";
import { ChaosCluster } from "./chaos-cluster.ts";
import { type ChaosReport, ChaosTally } from "./chaos-tally.ts";
import { Faults } from "./faults.ts";
import { footprints, leftBehind } from "./footprint.ts";

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
  /** Ends the run early, told at once how far it came: its requests are left, and nobody looks at what is left behind. */
  readonly signal?: AbortSignal;
}

/** How much later than its deadline a client may hear of it: everything runs on one busy machine. */
const SLACK_MS = 5000;
/** Requests between two reports of progress. */
const PROGRESS = 500;

/** Plays it, and waits until the cluster holds nothing any more. The report says whether all of it was good. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, workersPerRole, timeoutMs, faultEveryMs: everyMs, longestFaultMs: longestMs } = options;
  const answers = await MockAnswers.of(await ensureBabbleCheckpoint(TEST_CACHE));
  await using cluster = await ChaosCluster.start({ workersPerRole, timeoutMs });
  await warmUp(cluster.inner);
  await cluster.inner.atRest();
  const before = await footprints(cluster.inner);

  const faults = new Faults(cluster, { random: randomFrom(seed + 1), everyMs, longestMs });
  const client = { url: cluster.url, answers, limitMs: timeoutMs + SLACK_MS, signal: options.signal };
  const tally = new ChaosTally();
  const report = (left: readonly string[] = []): ChaosReport => {
    return { ...tally.report(), faults: faults.counts, failures: faults.failures, leftBehind: left };
  };
  options.signal?.addEventListener("abort", () => options.onProgress?.(report()), { once: true });
  const enough = new AbortController();
  const healed = faults.run(enough.signal);
  const random = randomFrom(seed);
  let started = 0;
  const playAll = async () => {
    while ((started < options.requests || faults.areAwaited) && !options.signal?.aborted) {
      if (++started % PROGRESS === 0) options.onProgress?.(report());
      tally.add(await play({ ...client, random }));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, playAll));
  enough.abort();
  await healed;
  return report(options.signal?.aborted ? [] : await leftBehind(cluster.inner, before));
}

/** A traced request for each pair of workers: connections that stay are then there. */
async function warmUp(cluster: Cluster): Promise<void> {
  const of = (role: string) => cluster.workers.filter((name) => name.startsWith(role));
  await eventually("the router has every worker", async () => {
    const { data } = (await (await fetch(`${cluster.url}/workers`)).json()) as { data: readonly unknown[] };
    return data.length === cluster.workers.length;
  });
  for (const prefill of of("prefill")) {
    for (const decode of of("decode")) {
      const headers = { "x-baton-prefill-worker": prefill, "x-baton-decode-worker": decode };
      const body = { model: BABBLE_MODEL, prompt: `${prefill} meets ${decode}`, max_tokens: 4 };
      const answer = await post(`${cluster.url}/v1/completions`, body, headers);
      await collect(answer);
      if (answer.status !== 200) throw new Error(`Cannot warm up ${prefill} and ${decode}: ${answer.status}`);
      const trace = `${cluster.url}/traces/${answer.headers.get("x-baton-trace-id")}`;
      await eventually("the router and both workers have sent their spans", async () => {
        const { resourceSpans } = (await (await fetch(trace)).json()) as {
          resourceSpans?: readonly unknown[];
        };
        return resourceSpans?.length === 3;
      });
    }
  }
}
