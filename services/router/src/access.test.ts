/** Who may call the router, and how much. */
import type { Logger } from "@baton/core";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "./testing/eventually.ts";
import { jsonOf, TestCluster, tokensOf } from "./testing/test-cluster.ts";

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

describe("with API keys", () => {
  let cluster: TestCluster;
  const logged: string[] = [];
  /** Answers wait for it. */
  let gate: Promise<void> = Promise.resolve();
  let onGenerate = () => {};
  beforeAll(async () => {
    const log = (fields: object, message: string) => void logged.push(JSON.stringify({ ...fields, message }));
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    cluster = await TestCluster.start({
      logger,
      script: {
        async *generate(call) {
          onGenerate();
          await gate;
          yield* tokensOf("Hello there", call);
        },
      },
      env: {
        BATON_API_KEYS: [
          "sk-first name=first",
          "sk-rate requests-per-minute=2",
          "sk-tokens tokens-per-minute=10",
          "sk-one concurrent=1",
        ].join(),
        BATON_CORS_ORIGINS: "https://app.example",
      },
    });
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  test("a request with a key is answered, and the log names its client", async () => {
    expect((await cluster.chat({}, bearer("sk-first"))).status).toBe(200);
    expect(logged.filter((line) => line.includes('"client":"first"'))).toHaveLength(1);
  });

  test.each([
    ["no key", {}],
    ["a wrong key", bearer("sk-swordfish")],
    ["another scheme", { headers: { authorization: "Basic sk-first" } }],
  ])("a request with %s is refused in OpenAI's shape and leaves no trace", async (_what, init) => {
    const requests = cluster.tracer.roots.length;
    const response = await cluster.chat({}, init);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    const { error } = await jsonOf(response);
    expect(error).toEqual({
      message: expect.stringMatching(/^Cannot use POST \/v1\/chat\/completions: /),
      type: "authentication_error",
      param: null,
      code: "invalid_api_key",
    });
    expect(cluster.tracer.roots).toHaveLength(requests);
  });

  test("a refused request is a line in the log", () => {
    expect(logged.join()).toContain("Cannot use POST /v1/chat/completions: there is no key");
  });

  test("every route needs one but probes and metrics", async () => {
    const status = async (path: string) => (await fetch(cluster.url + path)).status;
    expect(await status("/v1/models")).toBe(401);
    expect(await status("/no/such/path")).toBe(401);
    for (const path of ["/health", "/liveness", "/readiness", "/metrics"])
      expect(await status(path)).toBe(200);
    expect((await fetch(`${cluster.url}/v1/models`, bearer("sk-first"))).status).toBe(200);
  });

  test("no key is in a log line or a trace", async () => {
    await cluster.chat({}, bearer("sk-first"));
    await cluster.chat({}, bearer("sk-swordfish"));
    expect(logged.join()).not.toMatch(/sk-first|swordfish/);
    expect(JSON.stringify(cluster.tracer.roots)).not.toMatch(/sk-first|swordfish/);
  });

  test("a key above its rate is told when to come back, and others are not affected", async () => {
    for (let i = 0; i < 2; i++) expect((await cluster.chat({}, bearer("sk-rate"))).status).toBe(200);
    const response = await cluster.chat({}, bearer("sk-rate"));
    expect(response.status).toBe(429);
    const { error } = await jsonOf(response);
    expect(error).toMatchObject({ type: "rate_limit_error", code: "rate_limit_exceeded" });
    expect(error.message).toContain('the key "key-2" has reached its limit of 2 requests per minute');
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(30);
    expect((await cluster.chat({}, bearer("sk-first"))).status).toBe(200);
  });

  test("tokens are counted once they are known", async () => {
    expect((await cluster.chat({}, bearer("sk-tokens"))).status).toBe(200);
    const response = await cluster.chat({}, bearer("sk-tokens"));
    expect(response.status).toBe(429);
    expect((await jsonOf(response)).error.message).toContain("10 tokens per minute");
  });

  test("requests at once are counted from their arrival to the end of their answer", async () => {
    const [opened, generating] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    gate = opened.promise;
    onGenerate = generating.resolve;
    const running = cluster.chat({ stream: true }, bearer("sk-one"));
    await generating.promise;
    const second = await cluster.chat({}, bearer("sk-one"));
    expect(second.status).toBe(429);
    expect((await jsonOf(second)).error.message).toContain("1 requests at once");
    opened.resolve();
    expect(await (await running).text()).toContain("[DONE]");
    await eventually(async () => (await cluster.chat({}, bearer("sk-one"))).status === 200);
  });
});

describe("a web page", () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start({
      env: { BATON_API_KEYS: "sk-first", BATON_CORS_ORIGINS: "https://app.example" },
    });
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  const question = (origin: string) => ({
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });

  test("of an origin that is listed may ask, call, and read streams", async () => {
    const asked = await fetch(`${cluster.url}/v1/chat/completions`, question("https://app.example"));
    expect(asked.status).toBe(204);
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-headers": "authorization,content-type",
      vary: "origin",
    });
    const headers = { origin: "https://app.example", authorization: "Bearer sk-first" };
    for (const stream of [true, false]) {
      const answer = await cluster.chat({ stream }, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("access-control-allow-origin")).toBe("https://app.example");
    }
  });

  test("of another origin is told nothing that a browser would accept", async () => {
    const asked = await fetch(`${cluster.url}/v1/chat/completions`, question("https://evil.example"));
    expect(asked.status).toBe(401);
    expect(asked.headers.has("access-control-allow-origin")).toBe(false);
  });

  test("of any origin is told nothing by default", async () => {
    await using plain = await TestCluster.start();
    const asked = await fetch(`${plain.url}/v1/chat/completions`, question("https://app.example"));
    expect(asked.status).toBe(405);
    expect(asked.headers.has("access-control-allow-origin")).toBe(false);
  });
});

describe("admin calls", () => {
  const status = async (url: string, init: RequestInit = {}) => (await fetch(url, init)).status;

  test("are taken on the API's port while only this machine reaches it", async () => {
    await using cluster = await TestCluster.start();
    expect(await status(`${cluster.url}/workers`)).toBe(200);
    const page = { headers: { origin: "https://evil.example" } };
    expect(await status(`${cluster.url}/workers`, page)).toBe(403);
  });

  test("are refused with what to set once others can reach it, and the API is not", async () => {
    await using cluster = await TestCluster.start({ args: ["--host", "0.0.0.0"] });
    const url = cluster.url.replace("0.0.0.0", "127.0.0.1");
    const response = await fetch(`${url}/trace/level`);
    expect(response.status).toBe(403);
    expect((await jsonOf(response)).error.message).toContain("BATON_ADMIN_PORT and BATON_ADMIN_KEY");
    expect((await cluster.chat()).status).toBe(200);
  });

  test("have a port of their own, with a key that no client has", async () => {
    await using cluster = await TestCluster.start({
      args: ["--host", "0.0.0.0", "--admin-port", "0"],
      env: { BATON_API_KEYS: "sk-client", BATON_ADMIN_KEY: "sk-admin" },
    });
    expect(await status(`${cluster.adminUrl}/workers`, bearer("sk-admin"))).toBe(200);
    expect(await status(`${cluster.adminUrl}/workers`, bearer("sk-client"))).toBe(401);
    expect(await status(`${cluster.adminUrl}/workers`)).toBe(401);
    expect(await status(`${cluster.adminUrl}/no/such/path`)).toBe(401);
    expect(await status(`${cluster.adminUrl}/no/such/path`, bearer("sk-admin"))).toBe(404);
    expect(await status(`${cluster.adminUrl}/v1/models`, bearer("sk-client"))).toBe(403);
    expect(await status(`${cluster.adminUrl}/health`)).toBe(200);
    expect(await status(`${cluster.url}/workers`, bearer("sk-admin"))).toBe(403);
    expect(await status(`${cluster.url}/v1/models`, bearer("sk-admin"))).toBe(401);
  });

  test("cannot have a port without a key: the router does not start", async () => {
    await expect(TestCluster.start({ args: ["--admin-port", "0"] })).rejects.toThrow(
      "expected BATON_ADMIN_KEY",
    );
  });
});

test("a request whose head is too long is refused", async () => {
  await using cluster = await TestCluster.start();
  const response = await fetch(`${cluster.url}/health`, { headers: { "x-long": "x".repeat(17_000) } });
  expect(response.status).toBe(431);
});
