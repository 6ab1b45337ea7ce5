/** Must hold: routers on one Redis share the workers; losing a router, or Redis, loses no running request. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BABBLE_MODEL } from "@baton/model/testing";
import { RedisServer } from "@baton/registry/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startAnotherRouter, startRouterAlone } from "../support/another-router.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { collect, post } from "../support/sse.ts";

const PASSWORD = "hunter2-of-redis";

let redis: RedisServer;
let cluster: Cluster;
/** Has its password from a file. */
let second: ServiceProcess;
let folder: string;
/** Settings of every router and worker. */
let env: Record<string, string>;

beforeAll(async () => {
  redis = await RedisServer.start(() => [`user baton on >${PASSWORD} ~* &* +@all`]);
  env = {
    BATON_REDIS_URL: redis.url.replace("//", `//baton:${PASSWORD}@`),
    BATON_REDIS_NAMESPACE: "e2e",
    BATON_HEARTBEAT_MS: "500",
    BATON_LOG_LEVEL: "debug",
  };
  cluster = await Cluster.start({ env });
  folder = await mkdtemp(join(tmpdir(), "baton-password-"));
  const file = join(folder, "password");
  await writeFile(file, `${PASSWORD}\n`);
  const withoutPassword = redis.url.replace("//", "//baton@");
  second = await startAnotherRouter({
    ...env,
    BATON_REDIS_URL: withoutPassword,
    BATON_REDIS_PASSWORD_FILE: file,
  });
}, 60_000);

afterAll(async () => {
  await second?.end();
  await cluster?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const urls = () => [cluster.url, `http://${second.addresses.http}`] as const;

async function workersOf(url: string): Promise<readonly string[]> {
  const { data } = (await (await fetch(`${url}/workers`)).json()) as {
    data: { id: string; epoch: string }[];
  };
  return data.map(({ id, epoch }) => `${id} ${epoch}`);
}

function complete(url: string, maxTokens: number, stream: boolean) {
  const prompt = "Several roads lead to Redis";
  const sampling = { temperature: 0, ignore_eos: true };
  return post(`${url}/v1/completions`, {
    model: BABBLE_MODEL,
    prompt,
    max_tokens: maxTokens,
    stream,
    ...sampling,
  });
}

async function textFrom(url: string): Promise<string> {
  const response = await complete(url, 8, false);
  expect(response.status).toBe(200);
  return JSON.parse((await collect(response))[0]!).choices[0].text;
}

test("two routers see the same workers and give the same answer", async () => {
  const [first, other] = urls();
  expect(await workersOf(first)).toHaveLength(2);
  expect(await workersOf(other)).toEqual(await workersOf(first));
  expect(await textFrom(other)).toBe(await textFrom(first));
});

test("Redis killed in mid-stream costs no token, new requests are served, and its return changes nothing", async () => {
  const [first, other] = urls();
  const before = await workersOf(first);
  const stream = await complete(other, 300, true);
  const events: string[] = [];
  for await (const event of stream.events) {
    events.push(event);
    if (events.length === 3) await redis.kill();
  }
  expect(events.at(-1)).toBe("[DONE]");
  expect(await textFrom(first)).toBe(await textFrom(other));
  await redis.restart();
  await eventually("all workers are announced anew", async () => (await fieldsInRedis()) === ":2");
  for (const url of urls()) {
    expect(await workersOf(url)).toEqual(before);
    await textFrom(url);
  }
});

test("a worker that restarts is found by both routers", async () => {
  const [first, other] = urls();
  const before = await workersOf(first);
  await cluster.end("decode-0", "SIGKILL");
  await cluster.restart("decode-0");
  for (const url of [first, other]) {
    const after = await eventually("the new process is listed", async () => {
      const workers = await workersOf(url);
      return workers.length === 2 && workers.join() !== before.join() && workers;
    });
    expect(after.map((worker) => worker.split(" ")[0])).toEqual(["decode-0", "prefill-0"]);
  }
  expect(await textFrom(first)).toBe(await textFrom(other));
});

test("a router killed in mid-stream of the other costs it nothing", async () => {
  const [first] = urls();
  const stream = await complete(first, 300, true);
  const events: string[] = [];
  for await (const event of stream.events) {
    events.push(event);
    if (events.length === 3) await second.end("SIGKILL");
  }
  expect(events.at(-1)).toBe("[DONE]");
  await cluster.atRest();
});

test("a router of other weights says which workers it leaves out, and why", async () => {
  const router = await startRouterAlone({ ...env, BATON_WEIGHTS: "int8" });
  try {
    const url = `http://${router.addresses.http}`;
    await eventually("both workers are refused", async () => {
      const readiness = (await (await fetch(`${url}/readiness`)).json()) as { refused_workers?: number };
      return readiness.refused_workers === 2;
    });
    expect(await (await fetch(`${url}/workers`)).json()).toMatchObject({
      data: [],
      refused: ["decode-0", "prefill-0"].map((id) => ({ id, reason: expect.stringContaining("model hash") })),
    });
  } finally {
    await router.end();
  }
});

test("no process has printed the password", () => {
  for (const name of ["router", ...cluster.workers]) {
    const { log } = cluster.process(name);
    expect(log).toContain("edis");
    expect(log).not.toContain(PASSWORD);
  }
  expect(second.log).not.toContain(PASSWORD);
});

/** How many workers the registry in Redis has, as Redis answers. */
async function fieldsInRedis(): Promise<string> {
  return redis.command("HLEN", "e2e:v1:workers");
}
