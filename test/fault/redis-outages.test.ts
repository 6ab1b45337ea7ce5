/** Must hold: the registry in Redis survives a Redis that is killed and restarted, paused, and flushed, under traffic. */
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { RedisServer } from "@baton/registry/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { startAnotherRouter } from "../support/another-router.ts";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { MockAnswers } from "../support/mock-answers.ts";
import { textOf } from "../support/moving-streams.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { collect, post } from "../support/sse.ts";
import { type Ask, SteadyTraffic } from "../support/steady-traffic.ts";

/**
 * Everything that waits for Redis is counted in heartbeats, so a pause is as long as its number of them: ten leases, as
 * a minute is at the default of 2000 ms.
 */
const HEARTBEAT_MS = 200;
const LEASE_MS = 3 * HEARTBEAT_MS;
const PAUSE_MS = 10 * LEASE_MS;
const WORKERS = 4;

let redis: RedisServer;
let cluster: Cluster;
let second: ServiceProcess;
let urls: readonly string[];
let answers: MockAnswers;
let traffic: SteadyTraffic;
let before: readonly string[];
/** Lines that each process had logged about Redis when the test began. */
let said: readonly Said[];

beforeAll(async () => {
  redis = await RedisServer.start();
  const env = {
    BATON_REDIS_URL: redis.url,
    BATON_HEARTBEAT_MS: `${HEARTBEAT_MS}`,
    BATON_LOG_LEVEL: "info",
  };
  const workerArgs = ["--engine", "mock", "--mock-speedup", "5"];
  cluster = await Cluster.start({ env, workerArgs, prefill: WORKERS / 2, decode: WORKERS / 2 });
  second = await startAnotherRouter(env);
  urls = [cluster.url, `http://${second.addresses.http}`];
  answers = await MockAnswers.of(await ensureBabbleCheckpoint(TEST_CACHE));
}, 60_000);

afterAll(async () => {
  await second?.end();
  await cluster?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await allListed();
  before = await workersOf(urls[0]!);
  said = processes().map(saidOf);
  // Two clients at each router, one that reads a stream and one that waits for a whole answer.
  traffic = new SteadyTraffic(urls.flatMap((url) => [streaming(url), waiting(url)]));
  await traffic.more(20);
});

/** Whatever happened to Redis: every request was answered, and rightly; both routers have the same workers as before. */
afterEach(async () => {
  await traffic.stop();
  expect(traffic.complaints).toEqual([]);
  for (const url of urls) expect(await workersOf(url)).toEqual(before);
  await cluster.atRest();
});

test.each([
  ["killed, and restarted empty", () => redis.kill(), () => redis.restart()],
  ["frozen", () => redis.pause(), () => redis.resume()],
] as const)(
  "%s ten leases later",
  async (_, away, back) => {
    await away();
    await everybodyMissesIt();
    await traffic.for(PAUSE_MS);
    await back();
    await everybodyRecovers();
  },
  60_000,
);

test("paused by a command for ten leases: it takes connections and answers none", async () => {
  expect(await redis.command("CLIENT", "PAUSE", `${PAUSE_MS}`)).toBe("+OK");
  await everybodyMissesIt();
  await traffic.more(20);
  expect(await redis.command("PING")).toBe("+PONG"); // Answered when the pause is over.
  await everybodyRecovers();
}, 60_000);

test("flushed, again and again", async () => {
  for (let times = 0; times < 5; times++) {
    expect(await redis.command("FLUSHALL")).toBe("+OK");
    await allListed();
    await traffic.more(20);
  }
  await traffic.for(2 * LEASE_MS);
}, 60_000);

test("a worker that is killed while Redis is away is missed afterwards, and its successor found", async () => {
  await redis.kill();
  await cluster.end("decode-1", "SIGKILL");
  await traffic.more(20);
  await redis.restart();
  for (const url of urls) {
    await eventually("the dead worker has left", async () => (await workersOf(url)).length === WORKERS - 1);
  }
  await cluster.restart("decode-1");
  for (const url of urls) {
    await eventually("the new process is there", async () => (await workersOf(url)).length === WORKERS);
  }
  before = await workersOf(urls[0]!);
  await traffic.more(20);
}, 60_000);

/** How often a process has missed Redis, and had it again. */
interface Said {
  readonly missed: number;
  readonly back: number;
}

function processes(): readonly ServiceProcess[] {
  return [...["router", ...cluster.workers].map((name) => cluster.process(name)), second];
}

function saidOf({ log }: ServiceProcess): Said {
  const times = (words: RegExp) => log.match(words)?.length ?? 0;
  return {
    missed: times(/Lost Redis|Cannot reach Redis/g),
    back: times(/Redis is back|Announced in Redis/g),
  };
}

/** Routers and workers alike. */
function everybodyMissesIt(): Promise<unknown> {
  return eventually("all processes miss Redis", async () =>
    processes().every((process, i) => saidOf(process).missed > said[i]!.missed),
  );
}

/** Each process has Redis again, each worker is in it, and stays for longer than a lease. */
async function everybodyRecovers(): Promise<void> {
  await eventually("all processes have Redis again", async () =>
    processes().every((process, i) => saidOf(process).back > said[i]!.back),
  );
  await allListed();
  await traffic.for(2 * LEASE_MS);
}

/** Every worker has announced itself (anew). */
function allListed(): Promise<unknown> {
  return eventually("Redis has all workers", async () => {
    return (await redis.command("HLEN", "baton:v1:workers")) === `:${WORKERS}`;
  });
}

async function workersOf(url: string): Promise<readonly string[]> {
  const { data } = (await (await fetch(`${url}/workers`)).json()) as {
    data: { id: string; epoch: string }[];
  };
  return data.map(({ id, epoch }) => `${id} ${epoch}`);
}

const TOKENS = 16;
let asked = 0;

function waiting(url: string): Ask {
  return async () => {
    const prompt = `Request ${asked++} about Redis`;
    const body = { model: BABBLE_MODEL, prompt, max_tokens: TOKENS };
    const [answer] = await collect(await post(`${url}/v1/completions`, body));
    return judged(answer!, JSON.parse(answer!).choices?.[0]?.text, prompt);
  };
}

function streaming(url: string): Ask {
  return async () => {
    const prompt = `Stream ${asked++} about Redis`;
    const body = { model: BABBLE_MODEL, prompt, max_tokens: TOKENS, stream: true };
    const events = await collect(await post(`${url}/v1/completions`, body));
    return judged(events.join("\n"), events.at(-1) === "[DONE]" ? textOf(events) : undefined, prompt);
  };
}

function judged(answer: string, text: string | undefined, prompt: string): string | undefined {
  return text === answers.completion(prompt, TOKENS) ? undefined : `${prompt}: ${answer}`;
}
