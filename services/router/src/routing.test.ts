/** Which workers requests come to, by the router's settings. */
import type { WorkerRole } from "@baton/core";
import { describe, expect, test } from "@jest/globals";
import { eventually } from "./testing/eventually.ts";
import { TestCluster } from "./testing/test-cluster.ts";

const WORKERS: readonly WorkerRole[] = ["prefill", "prefill", "prefill", "prefill", "decode", "decode"];

async function start(...args: readonly string[]): Promise<TestCluster> {
  const cluster = await TestCluster.start({ workers: [], args });
  for (const [index, role] of WORKERS.entries()) await cluster.addWorker(`${role}-${index}`, role);
  const registered = async () => {
    const { data } = (await (await fetch(`${cluster.url}/workers`)).json()) as { data: unknown[] };
    return data.length === WORKERS.length;
  };
  await eventually(registered);
  return cluster;
}

/** Sends a prompt; answers with the stages of its trace that say where it went. */
async function send(cluster: TestCluster, prompt: string, headers: Record<string, string> = {}) {
  const body = { model: cluster.model, prompt, max_tokens: 1 };
  expect((await cluster.post("/v1/completions", body, { headers })).status).toBe(200);
  await eventually(() => cluster.tracer.open === 0);
  const root = cluster.tracer.roots.at(-1)!;
  return {
    prefill: root.find("prefill_leg")!.attributes["baton.worker.id"],
    decode: root.find("decode_leg")!.attributes["baton.worker.id"],
    candidates: root.find("kv_find_best_match")!.events.map(({ attributes }) => attributes),
  };
}

/** 64 blocks of 16 tokens, of which every character is one. */
const story = "once upon a time".repeat(64);

describe.each(["kv", "cache_aware"])("the policy %s", (policy) => {
  test("sends what begins alike to the worker that has it, and shows each candidate's overlap", async () => {
    await using cluster = await start("--prefill-policy", policy);
    const first = await send(cluster, story);
    expect(first.candidates.map((candidate) => candidate["baton.routing.overlap_blocks"])).toEqual([
      0, 0, 0, 0,
    ]);
    for (const end of [" there was", " nobody was", " all were"]) {
      const next = await send(cluster, story + end);
      expect(next.prefill).toBe(first.prefill);
      const overlaps = next.candidates.map((candidate) => [
        candidate["baton.worker.id"],
        candidate["baton.routing.overlap_blocks"],
      ]);
      expect(Object.fromEntries(overlaps)).toEqual({
        "prefill-0": 0,
        "prefill-1": 0,
        "prefill-2": 0,
        "prefill-3": 0,
        [String(first.prefill)]: 64,
      });
    }
  });

  test("sends other prompts to other workers", async () => {
    await using cluster = await start("--prefill-policy", policy);
    const workers = new Set<unknown>();
    for (const beginning of ["a", "b", "c", "d"]) {
      workers.add((await send(cluster, beginning + story)).prefill);
    }
    expect(workers.size).toBe(4);
  });
});

test("a worker that restarted holds nothing any more", async () => {
  await using cluster = await start();
  const { prefill } = await send(cluster, story);
  await cluster.worker(String(prefill))[Symbol.asyncDispose]();
  await cluster.addWorker(String(prefill), "prefill");
  await eventually(async () =>
    (await (await fetch(`${cluster.url}/workers`)).text()).includes(String(prefill)),
  );
  const { candidates } = await send(cluster, story);
  expect(candidates.map((candidate) => candidate["baton.routing.overlap_blocks"])).toEqual([0, 0, 0, 0]);
});

test("prefill and decode have policies of their own", async () => {
  await using cluster = await start("--prefill-policy", "consistent_hash", "--decode-policy", "round_robin");
  const routes = [];
  for (let i = 0; i < 4; i++) routes.push(await send(cluster, `${i}`, { "x-session-id": "ada" }));
  expect(new Set(routes.map(({ prefill }) => prefill)).size).toBe(1);
  const decodes = routes.map(({ decode }) => decode);
  expect(new Set(decodes).size).toBe(2);
  expect(decodes.slice(2)).toEqual(decodes.slice(0, 2));
});

test("consistent_hash goes by the header of the settings", async () => {
  await using cluster = await start("--prefill-policy", "consistent_hash", "--affinity-header", "X-Tenant");
  const homes = new Set<unknown>();
  for (let i = 0; i < 6; i++) homes.add((await send(cluster, `${i}`, { "x-tenant": "acme" })).prefill);
  expect(homes.size).toBe(1);
});
