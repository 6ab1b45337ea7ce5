/** Who is admitted, who waits in which order, and who is refused. */
import type { GenerationEvent } from "@baton/core";
import type { GenerateCall } from "@baton/rpc";
import { describe, expect, test } from "@jest/globals";
import { eventually } from "./testing/eventually.ts";
import { jsonOf, TestCluster, tokensOf, untilCanceled } from "./testing/test-cluster.ts";

/** A cluster whose answers come when `release` is called: those that run, and from then on all. */
async function start(args: readonly string[] = []) {
  const released = Promise.withResolvers<void>();
  async function* generate(call: GenerateCall): AsyncGenerator<GenerationEvent, void, void> {
    await Promise.race([released.promise, untilCanceled(call.signal)]);
    yield* tokensOf("x", call);
  }
  const cluster = await TestCluster.start({ args, script: { generate } });
  const decode = cluster.worker("decode-0");
  const send = (prompt: string, fields: object = {}) =>
    cluster.post("/v1/completions", { model: cluster.model, prompt, max_tokens: 1, ...fields });
  const put = (body: unknown) => cluster.post("/busy_threshold", body, { method: "PUT" });
  return { cluster, decode, send, put, release: () => released.resolve() };
}

async function metric(cluster: TestCluster, series: string): Promise<number> {
  const text = await (await fetch(`${cluster.url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(series));
  return Number(line?.split(" ").at(-1) ?? 0);
}

const waiting = (cluster: TestCluster) => metric(cluster, "baton_requests_waiting");

describe("busy workers", () => {
  test("are spared while their KV blocks are used beyond the threshold, which is changed as the router runs", async () => {
    const { cluster, decode, send, put, release } = await start();
    await using _cluster = cluster;
    const running = send("x".repeat(1600)); // 100 of 1,024 blocks.
    await eventually(() => decode.generations.length === 1);
    expect(await jsonOf(await put({ kv_use: 0.09 }))).toEqual({
      kv_use: 0.09,
      waiting_tokens: 1_000_000_000,
    });
    const refused = await send("y");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    const { error } = await jsonOf(refused);
    expect(error).toMatchObject({ code: "overloaded", type: "rate_limit_error" });
    expect(error.message).toContain("every decode worker is busy, the least busy one has 10 %");
    expect(await metric(cluster, 'baton_router_refusals_total{why="kv_use"')).toBe(1);
    await put({ kv_use: 1 });
    const admitted = send("y");
    await eventually(() => decode.generations.length === 2);
    release();
    expect([(await running).status, (await admitted).status]).toEqual([200, 200]);
  });

  test("are spared while prompts wait on them, until those are computed", async () => {
    const { cluster, decode, send, release } = await start(["--busy-waiting-tokens", "1000"]);
    await using _cluster = cluster;
    const running = send("x".repeat(1600));
    await eventually(() => decode.generations.length === 1);
    // The prefill leg has ended by the time that the decode leg runs, or ends soon.
    await eventually(
      async () => (await metric(cluster, 'baton_router_worker_prefill_tokens{worker="prefill-0"')) === 0,
    );
    release();
    expect((await running).status).toBe(200);
    expect((await send("y")).status).toBe(200);
  });

  test("GET /busy_threshold says what the settings say", async () => {
    const { cluster } = await start(["--busy-kv-use", "0.5", "--busy-waiting-tokens", "7"]);
    await using _cluster = cluster;
    expect(await jsonOf(await fetch(`${cluster.url}/busy_threshold`))).toEqual({
      kv_use: 0.5,
      waiting_tokens: 7,
    });
  });

  test.each([
    [{ kv_use: 2 }, "kv_use", 'Cannot use "kv_use": got 2, expected at most 1'],
    [{ waiting_tokens: -1 }, "waiting_tokens", 'Cannot use "waiting_tokens": got -1, expected at least 0'],
    [{ kv_use: "high" }, "kv_use", 'Cannot use "kv_use": got "high", expected a number'],
    [{ kvUse: 0.5 }, "kvUse", 'Cannot use "kvUse": expected "kv_use" or "waiting_tokens"'],
    [{}, null, 'Cannot use the body: it is empty, expected "kv_use" or "waiting_tokens"'],
  ])("PUT /busy_threshold refuses %j", async (body, param, message) => {
    const { cluster, put } = await start();
    await using _cluster = cluster;
    const response = await put(body);
    expect(response.status).toBe(400);
    expect((await jsonOf(response)).error).toMatchObject({ message, param });
    expect(await jsonOf(await fetch(`${cluster.url}/busy_threshold`))).toEqual({
      kv_use: 1,
      waiting_tokens: 1_000_000_000,
    });
  });
});

describe("the queue", () => {
  test("serves the lowest priority first, and requests of one priority in order of arrival", async () => {
    const { cluster, decode, send, release } = await start(["--max-inflight", "1"]);
    await using _cluster = cluster;
    const answers = [send("first")];
    await eventually(() => decode.generations.length === 1);
    const queued = [
      ["normal", 0],
      ["late", 5],
      ["also normal", 0],
      ["early", -5],
    ] as const;
    for (const [index, [prompt, priority]] of queued.entries()) {
      answers.push(send(prompt, { priority }));
      await eventually(async () => (await waiting(cluster)) === index + 1);
    }
    release();
    for (const answer of answers) expect((await answer).status).toBe(200);
    const order = decode.generations.map(({ request }) => Buffer.from(request.promptTokenIds).toString());
    expect(order).toEqual(["first", "early", "normal", "also normal", "late"]);
  });

  test("that is full makes the least important one leave for a more important one", async () => {
    const { cluster, decode, send, release } = await start(["--max-inflight", "1", "--max-queued", "1"]);
    await using _cluster = cluster;
    const first = send("first");
    await eventually(() => decode.generations.length === 1);
    const displaced = send("less important", { priority: 1 });
    await eventually(async () => (await waiting(cluster)) === 1);
    const important = send("important");
    expect((await displaced).status).toBe(429);
    expect((await send("one more")).status).toBe(429);
    release();
    expect([(await first).status, (await important).status]).toEqual([200, 200]);
    expect(await metric(cluster, 'baton_router_refusals_total{why="displaced"')).toBe(1);
    expect(await metric(cluster, 'baton_router_refusals_total{why="queue_full"')).toBe(1);
  });

  test.each([[{ priority: 1001 }], [{ priority: 0.5 }], [{ priority: "high" }]])(
    "has no place for %j",
    async (fields) => {
      const { cluster, send } = await start();
      await using _cluster = cluster;
      const response = await send("x", fields);
      expect(response.status).toBe(400);
      expect((await jsonOf(response)).error.param).toBe("priority");
    },
  );
});
