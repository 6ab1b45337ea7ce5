/** Can each worker be reached, are they all alike, and do their clocks agree with the router's? */
import { BatonError } from "@baton/core";
import { createControlClient, type WorkerStatus } from "@baton/rpc";
import type { TlsIdentity } from "@baton/tls";
import { getFromRouter, type RouterAccess } from "../router/router-api.ts";
import { type ClockSample, sampleClock } from "./clock-offset.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const SAMPLES = 5;
const TIMEOUT_MS = 3000;
/** What the contract of traces tolerates between two processes. */
const TOLERANCE_MS = 10;

interface ListedWorker {
  readonly id: string;
  readonly grpc_address: string;
  readonly model: string;
  readonly model_hash: string;
}

interface WorkerList {
  readonly data: readonly ListedWorker[];
  readonly router: { readonly version: string; readonly time_ms: number };
}

interface Answer {
  readonly status: WorkerStatus;
  /** Undefined where the worker does not tell its time. */
  readonly clock: ClockSample | undefined;
}

/**
 * @param access of the router; it must be reachable
 * @param tls to be shown to workers, where they ask for a certificate
 */
export async function* checkWorkers(
  access: RouterAccess,
  tls: TlsIdentity | undefined,
): AsyncGenerator<Finding, void, void> {
  const list = () => getFromRouter<WorkerList>(access, "workers");
  const { data: workers, router } = await list();
  const routerClock = await sampleClock(SAMPLES, async () => (await list()).router.time_ms);
  if (workers.length > 0) yield checkModels(workers);
  for (const worker of workers) yield await checkWorker(worker, tls, router.version, routerClock);
}

function checkModels(workers: readonly ListedWorker[]): Finding {
  const hashes = Map.groupBy(workers, (worker) => worker.model_hash);
  const [first] = workers;
  if (hashes.size === 1) return ok("workers", `${workers.length}, all of model "${first!.model}"`);
  const groups = [...hashes].map(([hash, same]) => `${hash} on ${same.map(({ id }) => id).join(", ")}`);
  const advice = "give all workers and the router the same --model";
  return fail("workers", `their models differ: ${groups.join("; ")}`, advice);
}

async function checkWorker(
  { id, grpc_address: address }: ListedWorker,
  tls: TlsIdentity | undefined,
  version: string,
  routerClock: ClockSample,
): Promise<Finding> {
  let answer: Answer;
  try {
    answer = await ask(address, tls);
  } catch (error) {
    const { code, message } = BatonError.from(error);
    const why = code === "deadline_exceeded" ? `it does not answer at ${address}` : message;
    const advice = "look into its log; its --advertise-host must be reached from here and from the router";
    return fail("worker", `${id}: ${why}`, advice);
  }
  const { status, clock } = answer;
  if (status.version !== version) {
    const text = `${id} runs version ${status.version ?? "unknown"}, the router ${version}`;
    return warn("worker", text, "run the same version everywhere");
  }
  if (!clock) return warn("worker", `${id} does not tell its time`, "run the same version everywhere");
  return clockFinding(id, status.state, clock, routerClock);
}

function clockFinding(id: string, state: string, clock: ClockSample, routerClock: ClockSample): Finding {
  const offset = clock.offsetMs - routerClock.offsetMs;
  const doubt = clock.uncertaintyMs + routerClock.uncertaintyMs;
  const measured = `${Math.abs(offset).toFixed(1)} ± ${doubt.toFixed(1)} ms ${offset < 0 ? "behind" : "ahead of"} the router's`;
  if (Math.abs(offset) - doubt <= TOLERANCE_MS) {
    return ok("worker", `${id} answers, ${state}, its clock is ${measured}`);
  }
  return warn(
    "worker",
    `${id}: its clock is ${measured}, so its spans seem to lie outside of their parents`,
    "synchronise the clocks of all machines, for example with chrony",
  );
}

async function ask(address: string, tls: TlsIdentity | undefined): Promise<Answer> {
  const client = createControlClient(address, tls);
  const status = () => client.status({ signal: AbortSignal.timeout(TIMEOUT_MS) });
  try {
    const first = await status(); // Connects, which is no time to measure.
    if (first.timeMs === undefined) return { status: first, clock: undefined };
    return { status: first, clock: await sampleClock(SAMPLES, async () => (await status()).timeMs!) };
  } finally {
    client.close();
  }
}
