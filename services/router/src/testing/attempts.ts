/** What tests of several attempts share: a cluster with workers to choose from, and what its traces say of attempts. */
import { BatonError, type ErrorCode, type WorkerRole } from "@baton/core";
import { expect } from "@jest/globals";
import { eventually } from "./eventually.ts";
import type { WorkerScript } from "./fake-worker.ts";
import { TestCluster } from "./test-cluster.ts";

const TWO_OF_EACH: readonly WorkerRole[] = ["prefill", "prefill", "decode", "decode"];

export const failure = (code: ErrorCode) => new BatonError(code, "Cannot go on: the test says so");

export const PREFILLED = {
  usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
  firstTokenId: 65,
  kvBytes: 1024,
};

export async function startCluster(script: WorkerScript, roles = TWO_OF_EACH, args: readonly string[] = []) {
  const cluster = await TestCluster.start({ workers: [], script, args: ["--retry-base-ms", "1", ...args] });
  for (const [index, role] of roles.entries()) await cluster.addWorker(`${role}-${index}`, role);
  await eventually(async () => Object.keys(await inFlight(cluster)).length === roles.length);
  return cluster;
}

/** Requests that the router has in flight, by worker. */
export async function inFlight(cluster: TestCluster): Promise<Record<string, number>> {
  const text = await (await fetch(`${cluster.url}/metrics`)).text();
  const lines = text.matchAll(/^baton_router_worker_requests\{.*worker="([^"]+)".*\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, worker, requests]) => [worker, Number(requests)]));
}

/** The last request as its trace shows it, once everything of it has ended. */
export async function endedRoot(cluster: TestCluster) {
  await eventually(() => cluster.tracer.open === 0);
  const root = cluster.tracer.roots.at(-1)!;
  expect(root.defects()).toEqual([]);
  expect(Object.values(await inFlight(cluster)).every((requests) => requests === 0)).toBe(true);
  const legs = (name: string) =>
    root.children
      .filter((stage) => stage.name === name)
      .map(({ attributes, error }) => ({
        attempt: attributes["baton.attempt"],
        worker: attributes["baton.worker.id"],
        room: attributes.bootstrap_room,
        failed: error?.code,
      }));
  const events = (name: string) =>
    root.events.filter((event) => event.name === name).map(({ attributes }) => attributes);
  return {
    root,
    prefills: legs("prefill_leg"),
    decodes: legs("decode_leg"),
    retries: events("retry"),
    migrations: events("migration"),
  };
}
