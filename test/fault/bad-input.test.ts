/** Must hold: bad input gets a clear error and harms nothing. */

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { bootstrapRoom, systemClock, workerId } from "@baton/core";
import { createKvReceiver } from "@baton/kv-transfer";
import { prepareModel } from "@baton/model";
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { collect, post } from "../support/sse.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

/** After each kind of bad input a good request gets its usual answer and nothing is left. */
afterEach(async () => {
  const answer = await cluster.openai.completions.create({
    model: BABBLE_MODEL,
    prompt: "Fine?",
    max_tokens: 3,
  });
  expect(answer.usage).toMatchObject({ prompt_tokens: 5 });
  await cluster.atRest();
});

const good = { model: BABBLE_MODEL, messages: [{ role: "user", content: "Hello" }] };

interface BadRequest {
  readonly what: string;
  readonly body: unknown;
  readonly status: number;
  readonly param?: string | null;
  /** What the message must say. */
  readonly says: RegExp;
}

const BAD_REQUESTS: readonly BadRequest[] = [
  { what: "malformed JSON", body: `{"model": "${BABBLE_MODEL}", "messages": [`, status: 400, says: /JSON/i },
  { what: "an empty body", body: "", status: 400, says: /JSON|body/i },
  { what: "an array as body", body: [good], status: 400, says: /object/i },
  { what: "no messages", body: { model: BABBLE_MODEL }, status: 400, param: "messages", says: /messages/ },
  {
    what: "empty messages",
    body: { ...good, messages: [] },
    status: 400,
    param: "messages",
    says: /messages/,
  },
  {
    what: "messages of a wrong type",
    body: { ...good, messages: "Hello" },
    status: 400,
    param: "messages",
    says: /array/i,
  },
  {
    what: "content of a wrong type",
    body: { ...good, messages: [{ role: "user", content: 7 }] },
    status: 400,
    param: "messages[0].content",
    says: /string/i,
  },
  {
    what: "an unknown role",
    body: { ...good, messages: [{ role: "wizard", content: "Hello" }] },
    status: 400,
    param: "messages[0].role",
    says: /wizard|system|user/i,
  },
  { what: "an unknown model", body: { ...good, model: "gpt-7" }, status: 404, param: "model", says: /gpt-7/ },
  { what: "no model", body: { messages: good.messages }, status: 400, param: "model", says: /model/ },
  {
    what: "negative max_tokens",
    body: { ...good, max_tokens: -1 },
    status: 400,
    param: "max_tokens",
    says: /-1|least/,
  },
  {
    what: "max_tokens of 0",
    body: { ...good, max_tokens: 0 },
    status: 400,
    param: "max_tokens",
    says: /least|0/,
  },
  {
    what: "fractional max_tokens",
    body: { ...good, max_tokens: 1.5 },
    status: 400,
    param: "max_tokens",
    says: /integer/i,
  },
  {
    what: "temperature as text",
    body: { ...good, temperature: "hot" },
    status: 400,
    param: "temperature",
    says: /number/i,
  },
  {
    what: "temperature above 2",
    body: { ...good, temperature: 3 },
    status: 400,
    param: "temperature",
    says: /2/,
  },
  { what: "top_p of 0", body: { ...good, top_p: 0 }, status: 400, param: "top_p", says: /0/ },
  {
    what: "five stop strings",
    body: { ...good, stop: ["a", "b", "c", "d", "e"] },
    status: 400,
    param: "stop",
    says: /4/,
  },
  {
    what: "stream as text",
    body: { ...good, stream: "yes" },
    status: 400,
    param: "stream",
    says: /boolean/i,
  },
  { what: "n above 128", body: { ...good, n: 129 }, status: 400, param: "n", says: /\bn\b/ },
  {
    what: "tools for a model whose template has none",
    body: { ...good, tools: [{ type: "function", function: { name: "look" } }] },
    status: 400,
    param: "tools",
    says: /chat template/,
  },
  {
    what: "a prompt over the limit",
    body: { ...good, messages: [{ role: "user", content: "a".repeat(20_000) }] },
    status: 400,
    param: "messages",
    says: /8192/,
  },
  {
    what: "a prompt and max_tokens over the limit together",
    body: { ...good, messages: [{ role: "user", content: "a".repeat(5000) }], max_tokens: 5000 },
    status: 400,
    says: /8192/,
  },
];

describe("POST /v1/chat/completions refuses", () => {
  test.each(BAD_REQUESTS)("$what with $status, saying why", async ({ body, status, param, says }) => {
    const response = await post(`${cluster.url}/v1/chat/completions`, body);
    const { error } = JSON.parse((await collect(response))[0]!);
    expect({ status: response.status, error }).toMatchObject({
      status,
      error: { message: expect.stringMatching(says), type: "invalid_request_error" },
    });
    if (param !== undefined) expect(error.param).toBe(param);
  });

  test("a body of 50 MB with 413", async () => {
    const response = await post(`${cluster.url}/v1/chat/completions`, {
      ...good,
      messages: [{ role: "user", content: "a".repeat(50 * 2 ** 20) }],
    });
    expect(response.status).toBe(413);
    expect(JSON.parse((await collect(response))[0]!)).toMatchObject({
      error: { type: "invalid_request_error" },
    });
  });
});

test("an unknown path and a wrong method get OpenAI-style errors", async () => {
  const unknown = await fetch(`${cluster.url}/v1/nothing`);
  expect([unknown.status, await unknown.json()]).toMatchObject([
    404,
    { error: { type: "invalid_request_error" } },
  ]);
  const wrong = await fetch(`${cluster.url}/v1/chat/completions`);
  expect([wrong.status, await wrong.json()]).toMatchObject([
    405,
    { error: { type: "invalid_request_error" } },
  ]);
});

describe("the KV port survives", () => {
  async function kvConnection(): Promise<Socket> {
    const [host, port] = cluster.process("prefill-0").addresses.kv!.split(":");
    const socket = connect(Number(port), host);
    await once(socket, "connect");
    return socket;
  }

  /** Sends bytes, resolves with what came back once the other side has closed. */
  async function sendAndReadToEnd(bytes: Uint8Array, { end = false } = {}): Promise<Buffer> {
    const socket = await kvConnection();
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => {}); // A reset is one of the ways to refuse garbage.
    const closed = once(socket, "close");
    if (end) socket.end(bytes);
    else socket.write(bytes);
    await closed;
    return Buffer.concat(chunks);
  }

  test.each([
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: baton\r\n\r\n")],
    ["64 KiB of garbage", createHash("shake256", { outputLength: 65_536 }).update("garbage").digest()],
    ["zeros", Buffer.alloc(1024)],
  ])("%s", async (_what, bytes) => {
    await sendAndReadToEnd(bytes);
  });

  test("connections that say nothing and leave", async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, kvConnection));
    for (const socket of sockets) socket.destroy();
  });

  test("half a frame, then the end", async () => {
    await sendAndReadToEnd(randomBytes(5), { end: true });
  });

  test("a wrong protocol version, which is told both versions", async () => {
    const header = Buffer.alloc(12);
    header.write("BTKV", 0, "latin1");
    header.writeUInt8(99, 4);
    header.writeUInt8(1, 5);
    const answer = (await sendAndReadToEnd(header)).toString("latin1");
    expect(answer).toMatch(/version/);
    expect(answer).toMatch(/99/);
  });

  test("a room that nobody knows, which is told so when its time is up", async () => {
    const [host, port] = cluster.process("prefill-0").addresses.kv!.split(":");
    const receiver = createKvReceiver({
      workerId: workerId("stranger"),
      epoch: "1",
      layout: await layoutOfCluster(),
    });
    const receiving = receiver.receive({
      host: host!,
      port: Number(port),
      room: bootstrapRoom(4711n),
      promptTokens: 5,
      deadline: systemClock.now() + 200,
      reserve: async () => {},
      block: () => new Uint8Array(),
      signal: AbortSignal.timeout(10_000),
    });
    await expect(receiving.done).rejects.toMatchObject({ message: expect.stringMatching(/room/i) });
    await receiver.close();
  });

  /** What the cluster's workers have: the model in blocks of the default size. */
  async function layoutOfCluster() {
    const folder = await ensureBabbleCheckpoint(TEST_CACHE);
    return (await prepareModel(folder, { cacheFolder: TEST_CACHE })).layout(16);
  }
});
