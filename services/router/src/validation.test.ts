/** Bad input: a clear error in OpenAI's shape that names the field, and no worker is touched. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { jsonOf, TestCluster } from "./testing/test-cluster.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ args: ["--max-body-bytes", "64KiB"] });
});
afterAll(() => cluster[Symbol.asyncDispose]());
afterEach(() => {
  expect(cluster.worker("prefill-0").prefills).toEqual([]);
  expect(cluster.worker("decode-0").generations).toEqual([]);
  expect(cluster.tracer.open).toBe(0);
});

const user = (content: unknown) => [{ role: "user", content }];

async function errorOf(response: Response) {
  const body = await jsonOf(response);
  expect(body).toEqual({
    error: {
      message: expect.any(String),
      type: expect.any(String),
      param: body.error.param === null ? null : expect.any(String),
      code: expect.any(String),
    },
  });
  return { status: response.status, ...body.error };
}

const look = { type: "function", function: { name: "look" } };
const result = { role: "tool", tool_call_id: "call_1", content: "fine" };
const SCHEMA = "response_format.json_schema.schema";
const jsonSchema = (schema: object) => ({
  response_format: { type: "json_schema", json_schema: { name: "answer", schema } },
});

describe("POST /v1/chat/completions refuses", () => {
  test.each<[string, object, string, string]>([
    ["a missing model", { model: undefined }, "model", "it is missing"],
    ["missing messages", { messages: undefined }, "messages", "it is missing"],
    ["empty messages", { messages: [] }, "messages", "at least 1"],
    ["messages that are no list", { messages: "Hi" }, "messages", "array"],
    ["a message that is no object", { messages: ["Hi"] }, "messages[0]", "object"],
    ["an unknown role", { messages: [{ role: "robot", content: "x" }] }, "messages[0].role", "user"],
    [
      "a result without its call",
      { messages: [{ role: "tool", content: "x" }] },
      "messages[0].tool_call_id",
      "missing",
    ],
    ["missing content", { messages: [{ role: "user" }] }, "messages[0].content", "missing"],
    ["content that is a number", { messages: user(5) }, "messages[0].content", "string"],
    [
      "an image",
      { messages: user([{ type: "image_url", image_url: { url: "x" } }]) },
      "messages[0].content[0].type",
      "text",
    ],
    [
      "a call without an id",
      { messages: [{ role: "assistant", content: "x", tool_calls: [{}] }] },
      "messages[0].tool_calls[0].id",
      "missing",
    ],
    ["negative max_tokens", { max_tokens: -1 }, "max_tokens", "got -1, expected at least 1"],
    ["max_tokens 0", { max_tokens: 0 }, "max_tokens", "1"],
    [
      "a fraction of a token",
      { max_completion_tokens: 1.5 },
      "max_completion_tokens",
      "got 1.5, expected an integer",
    ],
    ["max_tokens of two minds", { max_tokens: 1, max_completion_tokens: 2 }, "max_tokens", "2"],
    ["too high a temperature", { temperature: 2.5 }, "temperature", "2"],
    ["a temperature in words", { temperature: "hot" }, "temperature", "number"],
    ["top_p 0", { top_p: 0 }, "top_p", "0"],
    ["a seed in words", { seed: "x" }, "seed", "number"],
    ["five stop strings", { stop: ["a", "b", "c", "d", "e"] }, "stop", "4"],
    ["an empty stop string", { stop: "" }, "stop", ""],
    ["stream as a word", { stream: "yes" }, "stream", "boolean"],
    [
      "stream options without a stream",
      { stream_options: { include_usage: true } },
      "stream_options",
      "stream",
    ],
    ["no choices", { n: 0 }, "n", "1"],
    ["too many choices", { n: 129 }, "n", "128"],
    ["log-probabilities as a number", { logprobs: 3 }, "logprobs", "boolean"],
    ["alternatives without log-probabilities", { top_logprobs: 3 }, "top_logprobs", "logprobs"],
    ["too many alternatives", { logprobs: true, top_logprobs: 21 }, "top_logprobs", "20"],
    ["top_k -2", { top_k: -2 }, "top_k", "-1"],
    ["min_p above 1", { min_p: 1.5 }, "min_p", "1"],
    ["a repetition penalty of 0", { repetition_penalty: 0 }, "repetition_penalty", "0.01"],
    ["a bias for a word", { logit_bias: { cat: 1 } }, "logit_bias.cat", "token id"],
    ["too strong a bias", { logit_bias: { 5: 101 } }, "logit_bias.5", "100"],
    ["a bias for a token that does not exist", { logit_bias: { 99999: 1 } }, "logit_bias", "99999"],
    ["a stop token that does not exist", { stop_token_ids: [5, 99999] }, "stop_token_ids", "99999"],
    ["a stop token that is no number", { stop_token_ids: ["5"] }, "stop_token_ids[0]", "number"],
    ["more tokens at least than at most", { min_tokens: 5, max_tokens: 4 }, "min_tokens", "at most 4"],
    ["ignore_eos as a word", { ignore_eos: "yes" }, "ignore_eos", "boolean"],
    ["a tool without a function", { tools: [{ type: "function" }] }, "tools[0].function", "missing"],
    ["tools that the model's template does not know", { tools: [look] }, "tools", "chat template"],
    [
      "a result of a tool that the template does not know",
      { messages: [result] },
      "messages[0]",
      "chat template",
    ],
    ["a choice without tools", { tool_choice: "required" }, "tool_choice", "tools"],
    [
      "a response format that does not exist",
      { response_format: { type: "xml" } },
      "response_format.type",
      "json",
    ],
    [
      "a schema with a keyword that is not supported",
      jsonSchema({ not: {} }),
      `${SCHEMA}.not`,
      "not supported",
    ],
    ["a schema that refers to nothing", jsonSchema({ $ref: "#/x" }), `${SCHEMA}.$ref`, "no"],
    [
      "a schema whose bounds allow nothing",
      jsonSchema({ type: "integer", minimum: 2, maximum: 1 }),
      SCHEMA,
      "bounds",
    ],
    ["a form of the answer that cannot end", { ...jsonSchema({}), ignore_eos: true }, "ignore_eos", "form"],
    ["too large a penalty", { presence_penalty: 2.5 }, "presence_penalty", "2"],
    ["a parameter that does not exist", { tempreture: 1 }, "tempreture", "no such parameter"],
    ["a parameter that every object has", { constructor: 1 }, "constructor", "no such parameter"],
    ["an answer that does not fit", { max_tokens: 5000 }, "max_tokens", "4096"],
    ["a prompt that does not fit", { messages: user("x".repeat(5000)) }, "messages", "4096"],
  ])("%s", async (_what, fields, param, mentions) => {
    const error = await errorOf(await cluster.chat(fields));
    expect(error).toMatchObject({ status: 400, param, type: "invalid_request_error" });
    expect(error.message).toContain(mentions);
  });

  test("the same with stream: true, by its HTTP status", async () => {
    expect(await errorOf(await cluster.chat({ stream: true, n: 300 }))).toMatchObject({
      status: 400,
      param: "n",
    });
  });

  test("a prompt over the limit by the code that clients look for", async () => {
    const error = await errorOf(await cluster.chat({ messages: user("x".repeat(5000)) }));
    expect(error.code).toBe("context_length_exceeded");
    expect(error.message).toMatch(/50\d\d tokens.*4096/);
  });

  test("a prompt that no tokenizer could make fit, without tokenizing it", async () => {
    const error = await errorOf(await cluster.chat({ messages: user("x".repeat(60_000)) }));
    expect(error).toMatchObject({ status: 400, code: "context_length_exceeded", param: "messages" });
    expect(error.message).toMatch(/600\d\d bytes.*4096 tokens/);
  });

  test("an unknown model", async () => {
    expect(await errorOf(await cluster.chat({ model: "gpt-9" }))).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
      message: expect.stringContaining('"gpt-9"'),
    });
  });

  test.each([["{"], [""], ["[1]"], ["null"], ["nonsense"]])("the body %j", async (body) => {
    const error = await errorOf(await cluster.post("/v1/chat/completions", body));
    expect(error).toMatchObject({ status: 400, code: "invalid_argument" });
  });

  test("a body over the limit, naming it", async () => {
    const error = await errorOf(await cluster.post("/v1/chat/completions", "x".repeat(65_537)));
    expect(error).toMatchObject({ status: 413, code: "payload_too_large" });
    expect(error.message).toContain("65536 bytes");
  });

  test("a body far over the limit, to a client that sends all of it first", async () => {
    const { hostname, port } = new URL(cluster.url);
    const socket = connect(Number(port), hostname);
    const size = 20 * 2 ** 20;
    socket.write(`POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n`);
    await new Promise((resolve) => socket.write(Buffer.alloc(size, "x"), resolve));
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });

  test("a body over the limit that comes without a length", async () => {
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 80; i++) controller.enqueue(new TextEncoder().encode("x".repeat(1024)));
        controller.close();
      },
    });
    const response = await fetch(`${cluster.url}/v1/chat/completions`, {
      method: "POST",
      body,
      duplex: "half",
    } as RequestInit);
    expect((await errorOf(response)).status).toBe(413);
  });
});

describe("POST /v1/completions refuses", () => {
  test.each<[string, object, string]>([
    ["a missing prompt", {}, "prompt"],
    ["no prompts", { prompt: [] }, "prompt"],
    ["a prompt that is a number", { prompt: 5 }, "prompt"],
    ["prompts of two kinds", { prompt: ["a", 5] }, "prompt[1]"],
    ["a token id in words", { prompt: [5, "a"] }, "prompt[1]"],
    ["a token that does not exist", { prompt: [5, 99999] }, "prompt"],
    ["a token that does not exist in one of several prompts", { prompt: [[5], [99999]] }, "prompt[1]"],
    ["a negative token", { prompt: [[5], [-1]] }, "prompt[1][0]"],
    ["a prompt of no tokens", { prompt: [[5], []] }, "prompt[1]"],
    ["more prompts than choices may be", { prompt: Array(129).fill("a") }, "prompt"],
    ["more choices of several prompts than may be", { prompt: Array(65).fill("a"), n: 2 }, "prompt"],
    ["an empty prompt", { prompt: "" }, "prompt"],
    ["an empty prompt among others", { prompt: ["a", ""] }, "prompt[1]"],
    ["a prompt that does not fit among others", { prompt: ["a", "x".repeat(5000)] }, "prompt[1]"],
    ["echo in words", { prompt: "x", echo: "yes" }, "echo"],
    ["echo with log-probabilities", { prompt: "x", echo: true, logprobs: 1 }, "echo"],
    ["log-probabilities", { prompt: "x", logprobs: 21 }, "logprobs"],
    ["the chat's max_completion_tokens", { prompt: "x", max_completion_tokens: 4 }, "max_completion_tokens"],
  ])("%s", async (_what, fields, param) => {
    const response = await cluster.post("/v1/completions", { model: cluster.model, ...fields });
    expect(await errorOf(response)).toMatchObject({ status: 400, param });
  });
});

describe("paths and methods", () => {
  test("an unknown path is a 404 in the same shape", async () => {
    expect(await errorOf(await fetch(`${cluster.url}/v2/nothing?x=1`))).toMatchObject({
      status: 404,
      code: "not_found",
      message: expect.stringContaining("GET /v2/nothing"),
    });
  });

  test("a wrong method is a 405 that names the right one", async () => {
    expect(await errorOf(await fetch(`${cluster.url}/v1/chat/completions`))).toMatchObject({
      status: 405,
      message: expect.stringContaining("POST"),
    });
    const response = await cluster.post("/v1/models", {});
    expect(response.headers.get("allow")).toBe("GET");
    expect((await errorOf(response)).status).toBe(405);
  });

  test("an unknown model's page is a 404", async () => {
    const error = await errorOf(await fetch(`${cluster.url}/v1/models/who/else`));
    expect(error).toMatchObject({
      status: 404,
      code: "model_not_found",
      message: expect.stringContaining('"who/else"'),
    });
  });

  test("what is not HTTP gets a 400 and harms nobody", async () => {
    const { hostname, port } = new URL(cluster.url);
    const socket = connect(Number(port), hostname);
    socket.write("garbage\r\n\r\n");
    const received: Buffer[] = [];
    for await (const chunk of socket) received.push(chunk as Buffer);
    expect(Buffer.concat(received).toString()).toMatch(/^HTTP\/1.1 400 .*"error":{/s);
  });
});

describe("the traces of bad requests", () => {
  test("every bad request left exactly one complete trace", () => {
    expect(cluster.tracer.roots.length).toBeGreaterThan(40);
    expect(cluster.tracer.roots.flatMap((root) => root.defects())).toEqual([]);
    expect(cluster.tracer.roots.every((root) => root.error !== undefined)).toBe(true);
  });
});
