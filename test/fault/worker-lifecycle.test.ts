/** Workers that are drained, resumed and taken out by an operator while requests run on them. */
import { silentLogger } from "@baton/core";
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { createRpcServer } from "@baton/rpc";
import { describe, expect, test } from "@jest/globals";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { ServiceProcess, sourceOf } from "../support/service-process.ts";
import { collect, post, type SseStream } from "../support/sse.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of many shapes
type Json = any;

async function operate(cluster: Cluster, method: string, path: string, body?: object) {
  const answer = await fetch(`${cluster.url}${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

const workers = async (cluster: Cluster): Promise<Json[]> =>
  (await operate(cluster, "GET", "/workers")).body.data;

/** A long stream, once it has begun; and the decode worker that writes it. */
async function longStream(cluster: Cluster, tokens = 600): Promise<{ stream: SseStream; worker: string }> {
  const stream = await post(`${cluster.url}/v1/completions`, {
    model: BABBLE_MODEL,
    prompt: "Once upon a time",
    max_tokens: tokens,
    temperature: 0,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true },
  });
  const worker = await eventually("a decode worker writes", async () => {
    const busy = (await workers(cluster)).find(({ role, load }) => role === "decode" && load.requests > 0);
    return busy?.id as string | undefined;
  });
  return { stream, worker };
}

async function isComplete(stream: SseStream, tokens = 600): Promise<void> {
  const payloads = await collect(stream);
  expect(payloads.at(-1)).toBe("[DONE]");
  expect(JSON.parse(payloads.at(-2)!).usage.completion_tokens).toBe(tokens);
}

const other = (worker: string) => (worker === "decode-0" ? "decode-1" : "decode-0");

describe("an operator", () => {
  test("drains a worker: what runs goes on, nothing new comes, and it can be taken back", async () => {
    await using cluster = await Cluster.start({ decode: 2 });
    const { stream, worker } = await longStream(cluster);
    const drained = await operate(cluster, "POST", `/workers/${worker}/drain`);
    expect(drained).toEqual({ status: 200, body: { id: worker, state: "draining", running: 1 } });
    expect((await workers(cluster)).find(({ id }) => id === worker).state).toBe("draining");
    for (let i = 0; i < 4; i++) {
      await cluster.openai.completions.create({ model: BABBLE_MODEL, prompt: `Tea ${i}`, max_tokens: 2 });
    }
    await isComplete(stream);
    expect((await operate(cluster, "POST", `/workers/${worker}/drain`)).body).toMatchObject({ running: 0 });
    await operate(cluster, "POST", `/workers/${other(worker)}/drain`);
    const refused = await post(`${cluster.url}/v1/completions`, { model: BABBLE_MODEL, prompt: "Tea" });
    expect([refused.status, refused.headers.has("retry-after")]).toEqual([503, true]);
    await collect(refused);
    const resumed = await operate(cluster, "DELETE", `/workers/${worker}/drain`);
    expect(resumed).toEqual({ status: 200, body: { id: worker, state: "serving" } });
    await cluster.openai.completions.create({ model: BABBLE_MODEL, prompt: "Tea", max_tokens: 2 });
    await cluster.atRest();
  });

  test("drains a worker with a deadline: what still runs then goes on elsewhere", async () => {
    await using cluster = await Cluster.start({ decode: 2 });
    const { stream, worker } = await longStream(cluster);
    await operate(cluster, "POST", `/workers/${worker}/drain`, { deadline_ms: 0 });
    await isComplete(stream);
    await cluster.atRest();
  });

  test("takes a worker out: it is gone at once, what ran there goes on elsewhere, and its process ends", async () => {
    await using cluster = await Cluster.start({ decode: 2 });
    const { stream, worker } = await longStream(cluster);
    const exited = new Promise((resolve) => cluster.process(worker).child.once("exit", resolve));
    const removed = await operate(cluster, "DELETE", `/workers/${worker}`);
    expect(removed).toMatchObject({ status: 200, body: { id: worker, removed: true, told: true } });
    expect((await workers(cluster)).map(({ id }) => id)).toEqual([other(worker), "prefill-0"]);
    await isComplete(stream);
    expect(await exited).toBe(0);
    expect((await operate(cluster, "DELETE", `/workers/${worker}`)).status).toBe(404);
    await cluster.restart(worker);
    await eventually("the new process is taken in", async () => (await workers(cluster)).length === 3);
  });

  test("takes a frozen worker out: nobody waits for it, and it stays out when it thaws", async () => {
    await using cluster = await Cluster.start({ decode: 2, routerArgs: ["--heartbeat-ms", "600"] });
    const { stream, worker } = await longStream(cluster);
    cluster.process(worker).child.kill("SIGSTOP");
    const removed = await operate(cluster, "DELETE", `/workers/${worker}`);
    expect(removed.body).toMatchObject({ removed: true, told: false, reason: expect.any(String) });
    await isComplete(stream);
    cluster.process(worker).child.kill("SIGCONT");
    // The order to stop may have reached it after all, late; else it is refused when it announces itself.
    const { child } = cluster.process(worker);
    await eventually("the worker was refused, or has stopped", async () => {
      return child.exitCode !== null || cluster.process(worker).log.includes("removed");
    });
    expect((await workers(cluster)).map(({ id }) => id)).toEqual([other(worker), "prefill-0"]);
  });

  test("sees what each worker holds", async () => {
    await using cluster = await Cluster.start();
    const { stream } = await longStream(cluster, 6000);
    const [decode, prefill] = await eventually("the worker has told of the request", async () => {
      const { data } = (await operate(cluster, "GET", "/get_loads")).body;
      return data[0].num_running_reqs === 1 && data;
    });
    expect(decode).toMatchObject({
      id: "decode-0",
      role: "decode",
      state: "serving",
      router_reqs: 1,
      num_reqs: 1,
    });
    expect(prefill).toMatchObject({ id: "prefill-0", role: "prefill", state: "serving" });
    stream.leave();
    await cluster.atRest();
  });

  test("finds a worker healthy once a router has taken it in, and alive before", async () => {
    const env = { BATON_CACHE: TEST_CACHE, BATON_MODEL: await ensureBabbleCheckpoint(TEST_CACHE) };
    const registry = createRpcServer({ logger: silentLogger });
    const { port } = await registry.listen("127.0.0.1", 0); // Answers, and has no registry.
    const args = ["--worker-id", "alone", "--registry", `127.0.0.1:${port}`, "--engine", "mock"];
    const worker = await ServiceProcess.start(sourceOf("decode-worker"), args, env);
    const ask = async (path: string) => (await fetch(`http://${worker.addresses.metrics}${path}`)).status;
    expect([await ask("/health"), await ask("/liveness")]).toEqual([503, 200]);
    await registry.shutdown(0);
    await worker.end();

    await using cluster = await Cluster.start();
    const health = `http://${cluster.process("decode-0").addresses.metrics}/health`;
    await eventually("decode-0 is healthy", async () => (await fetch(health)).status === 200);
  });

  test("is told what is wrong with an order", async () => {
    await using cluster = await Cluster.start();
    const wrong = (method: string, path: string, body?: object) => operate(cluster, method, path, body);
    const error = (param: string | null) => ({ error: { param } });
    expect(await wrong("POST", "/workers/nobody/drain")).toMatchObject({ status: 404, body: error(null) });
    expect(await wrong("DELETE", "/workers/nobody/drain")).toMatchObject({ status: 404, body: error(null) });
    const drain = "/workers/prefill-0/drain";
    expect(await wrong("POST", drain, { deadline_ms: -1 })).toMatchObject({
      status: 400,
      body: error("deadline_ms"),
    });
    expect(await wrong("POST", drain, { until: 5 })).toMatchObject({ status: 400, body: error("until") });
  });
});
