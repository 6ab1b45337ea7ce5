/** What the processes of a cluster hold while nobody asks them for anything, to compare before and after. */
import type { Cluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import type { InsideView } from "../../support/inside-view.ts";
import { scrape, total } from "../../support/scrape.ts";

/** Of one process at rest. */
interface Footprint {
  readonly sockets: number;
  /** Armed, those that keep no process alive included. */
  readonly timers: number;
  /** What the counts are made of. */
  readonly view: InsideView;
}

/** By the name of the process. */
export type Footprints = ReadonlyMap<string, Footprint>;

/** What the router says of itself and must be zero. */
const LEFT_AT_ROUTER = [
  "baton_requests_running",
  "baton_requests_waiting",
  "baton_router_worker_requests",
  "baton_router_worker_prefill_tokens",
  "baton_router_worker_decode_blocks",
  "baton_trace_spans_open",
];

/** Longest that connections and timers of what has ended may take to go. */
const PATIENCE = { timeoutMs: 30_000, intervalMs: 250 };

/** Of a cluster at rest. */
export async function footprints(cluster: Cluster): Promise<Footprints> {
  const names = ["router", ...cluster.workers];
  return new Map(
    await Promise.all(names.map(async (name) => [name, await footprint(cluster, name)] as const)),
  );
}

/**
 * Waits until no process holds anything of a request (sequences, blocks, rooms, spans, reservations), nor more sockets
 * and timers than before. Returns what is left in spite of that, a line each.
 */
export async function leftBehind(cluster: Cluster, before: Footprints): Promise<string[]> {
  const lines = await Promise.all([
    lineOf(cluster.ready()),
    lineOf(cluster.atRest()),
    lineOf(
      eventually("the router holds no request", async () => {
        const figures = await scrape(cluster, "router");
        return LEFT_AT_ROUTER.every((name) => total(figures, name) === 0);
      }),
    ),
  ]);
  const held = [...before].map(([name, then]) => lineOf(noMoreThan(cluster, name, then)));
  return [...lines, ...(await Promise.all(held))].filter((line) => line !== undefined);
}

async function noMoreThan(cluster: Cluster, name: string, before: Footprint): Promise<void> {
  let now = before;
  await eventually(
    `${name} holds no more than before`,
    async () => {
      now = await footprint(cluster, name);
      return now.sockets <= before.sockets && now.timers <= before.timers;
    },
    PATIENCE,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(now.view)}, before ${JSON.stringify(before.view)}`);
  });
}

async function footprint(cluster: Cluster, name: string): Promise<Footprint> {
  const view = await cluster.process(name).inside();
  const timers = Object.values(view.timers).reduce((sum, count) => sum + count, 0);
  return { sockets: view.resources.TCPSocketWrap ?? 0, timers, view };
}

function lineOf(check: Promise<unknown>): Promise<string | undefined> {
  return check.then(
    () => undefined,
    (reason: unknown) => String(reason),
  );
}
