/**
 * What routers know of workers' caches: by the workers' own word, so that it is true of what another router sent, of
 * what was evicted and of what was flushed. The second router never guesses about the first one's prompts.
 */

import { type ParsedExposition, parseExposition } from "@baton/metrics/testing";
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { RedisServer } from "@baton/registry/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { total } from "../support/scrape.ts";
import { ServiceProcess, sourceOf } from "../support/service-process.ts";

const BLOCK_TOKENS = 16;
/** Blocks of each worker. */
const KV_BLOCKS = 256;
/** 64 blocks, as every character is a token; stories of names that begin differently have none in common. */
const STORY_BLOCKS = 64;
const story = (name: string) =>
  `${name}: a story that goes `.padEnd(STORY_BLOCKS * BLOCK_TOKENS, "on and on ");

let redis: RedisServer;
let cluster: Cluster;
let second: ServiceProcess;

beforeAll(async () => {
  redis = await RedisServer.start(() => []);
  const env = { BATON_REDIS_URL: redis.url, BATON_REDIS_NAMESPACE: "kv", BATON_HEARTBEAT_MS: "500" };
  const mocks = ["--engine", "mock", "--mock-speedup", "50", "--mock-kv-blocks", String(KV_BLOCKS)];
  cluster = await Cluster.start({ prefill: 2, decode: 1, env, workerArgs: mocks });
  second = await ServiceProcess.start(sourceOf("router"), ["--port", "0", "--registry-port", "0"], {
    BATON_CACHE: TEST_CACHE,
    BATON_MODEL: await ensureBabbleCheckpoint(TEST_CACHE),
    BATON_WEIGHTS: "fp32", // As the cluster has them.
    ...env,
  });
  for (const url of urls()) await followed(url);
}, 60_000);

afterAll(async () => {
  await second?.end();
  await cluster?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

const first = () => cluster.url;
const other = () => `http://${second.addresses.http}`;
const urls = () => [first(), other()];

async function metricsOf(url: string): Promise<ParsedExposition> {
  return parseExposition(await (await fetch(`${url}/metrics`)).text());
}

async function read(url: string, metric: string, labels: Readonly<Record<string, string>> = {}) {
  return total(await metricsOf(url), metric, labels);
}

/** Resolves once the router follows every worker. */
async function followed(url: string): Promise<void> {
  await eventually(`${url} follows every worker`, async () => {
    return (await read(url, "baton_router_feeds", { state: "following" })) === 3;
  });
}

/** Sends a prompt; answers with the blocks that the router took to be cached, and those that were. */
async function send(url: string, prompt: string) {
  const before = await read(url, "baton_router_cache_hit_blocks_total");
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: BABBLE_MODEL, prompt, max_tokens: 1 }),
  });
  expect(response.status).toBe(200);
  const { usage } = (await response.json()) as {
    usage: { prompt_tokens_details: { cached_tokens: number } };
  };
  const after = await read(url, "baton_router_cache_hit_blocks_total");
  return { claimed: after - before, hit: usage.prompt_tokens_details.cached_tokens / BLOCK_TOKENS };
}

async function cachedOn(worker: string): Promise<number> {
  return (await cluster.status(worker)).blocks.cached;
}

/** Resolves once both routers know how many blocks each worker holds. */
async function settled(): Promise<void> {
  await cluster.atRest();
  await eventually("both routers know what the workers hold", async () => {
    const known = await Promise.all(urls().map(metricsOf));
    const held = await Promise.all(cluster.workers.map(cachedOn));
    return known.every((metrics) =>
      cluster.workers.every((worker, i) => {
        return total(metrics, "baton_router_worker_cached_blocks", { worker }) === held[i];
      }),
    );
  });
}

test("a router knows what another one sent: its overlap is the worker's own hit", async () => {
  await send(first(), story("hare"));
  await settled();
  expect(await send(other(), `${story("hare")}and the hedgehog`)).toEqual({
    claimed: STORY_BLOCKS,
    hit: STORY_BLOCKS,
  });
});

test("of what was evicted no router claims anything", async () => {
  const others = Array.from({ length: 12 }, (_, number) => story(`${number}th`));
  for (const prompt of others) await send(first(), prompt);
  await settled();
  const { claimed, hit } = await send(other(), story("hare"));
  expect(hit).toBe(0);
  expect(claimed).toBe(0);
  await settled();
  for (const prompt of others.toReversed()) {
    const overlap = await send(other(), `${prompt}?`);
    expect(overlap.claimed).toBe(overlap.hit);
    await settled();
  }
});

test("a flush empties every cache, says so per worker, and no router claims anything afterwards", async () => {
  await send(first(), story("hare"));
  await settled();
  const held = await Promise.all(cluster.workers.map(async (name) => [name, await cachedOn(name)]));
  const response = await fetch(`${first()}/flush_cache`, { method: "POST" });
  const { success, data } = (await response.json()) as {
    success: boolean;
    data: { id: string; freed_blocks: number; kept_blocks: number }[];
  };
  expect(success).toBe(true);
  expect(Object.fromEntries(data.map(({ id, freed_blocks }) => [id, freed_blocks]))).toEqual(
    Object.fromEntries(held),
  );
  expect(data.map(({ kept_blocks }) => kept_blocks)).toEqual([0, 0, 0]);
  await settled();
  expect(await send(first(), story("hare"))).toEqual({ claimed: 0, hit: 0 });
});

test("a worker that was killed and came back holds nothing, and both routers follow it again", async () => {
  await send(first(), story("wolf"));
  await settled();
  for (const name of ["prefill-0", "prefill-1"]) {
    await cluster.end(name, "SIGKILL");
    await cluster.restart(name);
  }
  for (const url of urls()) await followed(url);
  for (const url of urls()) {
    await eventually("the restarted workers are followed by a first snapshot", async () => {
      return (await read(url, "baton_router_feed_snapshots_total", { kind: "first" })) === 5;
    });
  }
  expect(await send(other(), story("wolf"))).toEqual({ claimed: 0, hit: 0 });
  await settled();
  expect((await send(first(), `${story("wolf")}!`)).hit).toBe(STORY_BLOCKS);
});
