/** What clients may say about the way of their requests. */
import { describe, expect, test } from "@jest/globals";
import { eventually } from "./testing/eventually.ts";
import { jsonOf, TestCluster } from "./testing/test-cluster.ts";

async function start(args: readonly string[] = []): Promise<TestCluster> {
  const cluster = await TestCluster.start({ workers: [], args });
  for (const id of ["prefill-0", "prefill-1"]) await cluster.addWorker(id, "prefill");
  for (const id of ["decode-0", "decode-1"]) await cluster.addWorker(id, "decode");
  await eventually(async () => (await jsonOf(await fetch(`${cluster.url}/workers`))).data.length === 4);
  return cluster;
}

const post = (cluster: TestCluster, headers: Record<string, string>, fields: object = {}) => {
  const body = { model: cluster.model, prompt: "once upon a time".repeat(8), max_tokens: 1, ...fields };
  return cluster.post("/v1/completions", body, { headers });
};

async function routed(cluster: TestCluster, headers: Record<string, string>) {
  expect((await post(cluster, headers)).status).toBe(200);
  await eventually(() => cluster.tracer.open === 0);
  const root = cluster.tracer.roots.at(-1)!;
  return {
    prefill: root.find("prefill_leg")?.attributes["baton.worker.id"],
    decode: root.find("decode_leg")!.attributes["baton.worker.id"],
  };
}

describe("headers of a request", () => {
  test("choose its policies", async () => {
    await using cluster = await start();
    const headers = {
      "x-baton-prefill-policy": "round_robin",
      "x-baton-decode-policy": "consistent_hash",
      "x-session-id": "ada",
    };
    const routes = [];
    for (let i = 0; i < 4; i++) routes.push(await routed(cluster, headers));
    const prefills = routes.map(({ prefill }) => prefill);
    expect(new Set(prefills).size).toBe(2);
    expect(prefills.slice(2)).toEqual(prefills.slice(0, 2));
    expect(new Set(routes.map(({ decode }) => decode)).size).toBe(1);
  });

  test("choose its workers", async () => {
    await using cluster = await start();
    for (const number of [0, 1, 0, 1]) {
      const wanted = { prefill: `prefill-${number}`, decode: `decode-${1 - number}` };
      const headers = { "x-baton-prefill-worker": wanted.prefill, "x-baton-decode-worker": wanted.decode };
      expect(await routed(cluster, headers)).toEqual(wanted);
    }
  });

  test("choose whether the decode worker may compute its prompt", async () => {
    await using cluster = await start(["--disaggregation", "conditional"]);
    await routed(cluster, {});
    expect((await routed(cluster, { "x-baton-disaggregation": "always" })).prefill).toBeDefined();
    expect((await routed(cluster, { "x-baton-disaggregation": "conditional" })).prefill).toBeUndefined();
  });

  test.each([
    ["x-baton-prefill-policy", "best", "kv, cache_aware"],
    ["x-baton-decode-policy", "", "kv, cache_aware"],
    ["x-baton-disaggregation", "never", "always, conditional"],
    ["x-baton-overlap-credit", "2", "a number from 0 to 1"],
    ["x-baton-routing-temperature", "hot", "a number from 0 to 1"],
    ["x-baton-decode-worker", "nobody", "GET /workers"],
  ])("are refused where they make no sense: %s: %s", async (header, value, accepted) => {
    await using cluster = await start();
    const response = await post(cluster, { [header]: value });
    expect(response.status).toBe(400);
    const { message } = (await jsonOf(response)).error;
    expect(message).toContain(accepted);
    expect(message).toContain(`"${value}"`);
  });
});

describe("with --routing-overrides refuse", () => {
  test.each([
    ["x-baton-prefill-policy", { "x-baton-prefill-policy": "kv" }, {}],
    ["x-baton-decode-worker", { "x-baton-decode-worker": "decode-0" }, {}],
    ["priority", {}, { priority: -1 }],
  ])("a request with %s is refused", async (param, headers, fields) => {
    await using cluster = await start(["--routing-overrides", "refuse"]);
    const response = await post(cluster, headers as Record<string, string>, fields);
    expect(response.status).toBe(403);
    expect((await jsonOf(response)).error).toMatchObject({ code: "permission_denied", param });
    expect((await post(cluster, {}, { priority: 0 })).status).toBe(200);
  });
});
