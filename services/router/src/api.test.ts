/** What clients see of requests that go well. */
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jsonOf, sseEvents, TestCluster, tokensOf } from "./testing/test-cluster.ts";

let cluster: TestCluster;
let text = "";

beforeAll(async () => {
  cluster = await TestCluster.start({ script: { generate: (call) => tokensOf(text, call) } });
});
afterAll(() => cluster[Symbol.asyncDispose]());

const identity = () => ({
  created: expect.any(Number),
  model: cluster.model,
  system_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{12}$/),
});

describe("POST /v1/chat/completions", () => {
  test("answers with one object in OpenAI's shape", async () => {
    text = "Hello 🌍";
    const response = await cluster.chat();
    expect(response.status).toBe(200);
    expect(await jsonOf(response)).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      object: "chat.completion",
      ...identity(),
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: text, refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: expect.any(Number),
        completion_tokens: Buffer.byteLength(text),
        total_tokens: expect.any(Number),
        prompt_tokens_details: { cached_tokens: 3 },
      },
    });
  });

  test("streams chunks with whole characters, then [DONE]", async () => {
    text = "a🌍é";
    const response = await cluster.chat({ stream: true });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = await sseEvents(response);
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      id: events[0].id,
      object: "chat.completion.chunk",
      ...identity(),
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    expect(events).toEqual([
      chunk({ role: "assistant", content: "", refusal: null }),
      chunk({ content: "a" }),
      chunk({ content: "🌍" }),
      chunk({ content: "é" }),
      chunk({}, "stop"),
      "[DONE]",
    ]);
  });

  test("adds the token counts as the last chunk when asked to, and null to every other", async () => {
    text = "ab";
    const events = await sseEvents(
      await cluster.chat({ stream: true, stream_options: { include_usage: true } }),
    );
    const [last, ...others] = events.slice(0, -1).reverse();
    expect(last).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
    expect(others.every((event) => event.usage === null)).toBe(true);
  });

  test("sends the prompt's tokens and complete sampling parameters to both workers, in one room", async () => {
    text = "x";
    await cluster.chat({ temperature: 0.5, top_p: 0.25, seed: 7, max_completion_tokens: 9, stop: null });
    const prefill = cluster.worker("prefill-0").prefills.at(-1)!;
    const generation = cluster.worker("decode-0").generations.at(-1)!;
    expect(Buffer.from(prefill.request.promptTokenIds.filter((id) => id < 256)).toString()).toBe(
      "user\nHi\nassistant\n",
    );
    expect(prefill.request.sampling).toMatchObject({ temperature: 0.5, topP: 0.25, seed: 7n, maxTokens: 9 });
    expect(prefill.request.sampling.stopTokenIds.length).toBeGreaterThan(0);
    expect(generation.request.promptTokenIds).toEqual(prefill.request.promptTokenIds);
    expect(generation.request.sampling).toEqual(prefill.request.sampling);
    expect(generation.handover).toEqual({ host: "127.0.0.1", port: 4242, room: prefill.room });
  });

  test("draws a seed and a room of its own for every request", async () => {
    text = "x";
    await cluster.chat();
    await cluster.chat();
    const [first, second] = cluster.worker("prefill-0").prefills.slice(-2);
    expect(first!.request.sampling.seed).not.toBe(second!.request.sampling.seed);
    expect(first!.room).not.toBe(second!.room);
  });

  test("accepts parameters that it does not have when they ask for nothing", async () => {
    text = "x";
    const nothing = {
      n: 1,
      logprobs: false,
      tools: [],
      presence_penalty: 0,
      response_format: { type: "text" },
    };
    const answered = { role: "assistant", content: "a", refusal: null, annotations: [], tool_calls: null };
    const messages = [{ role: "user", content: "Hi" }, answered, { role: "user", content: "More" }];
    expect((await cluster.chat({ ...nothing, logit_bias: null, whatever: null, messages })).status).toBe(200);
  });

  test("joins content that comes in text parts", async () => {
    text = "x";
    const content = [
      { type: "text", text: "Hel" },
      { type: "text", text: "lo" },
    ];
    expect((await cluster.chat({ messages: [{ role: "user", content }] })).status).toBe(200);
    const { promptTokenIds } = cluster.worker("prefill-0").prefills.at(-1)!.request;
    expect(Buffer.from(promptTokenIds.filter((id) => id < 256)).toString()).toContain("user\nHello\n");
  });
});

describe("POST /v1/completions", () => {
  const complete = (fields: object = {}) =>
    cluster.post("/v1/completions", { model: cluster.model, prompt: "Once", ...fields });

  test("answers with one object in OpenAI's shape and writes 16 tokens unless told otherwise", async () => {
    text = " upon";
    expect(await jsonOf(await complete())).toEqual({
      id: expect.stringMatching(/^cmpl-[0-9a-f]{32}$/),
      object: "text_completion",
      ...identity(),
      choices: [{ index: 0, text, logprobs: null, finish_reason: "stop" }],
      usage: {
        prompt_tokens: 4,
        completion_tokens: 5,
        total_tokens: 9,
        prompt_tokens_details: { cached_tokens: 3 },
      },
    });
    expect(cluster.worker("prefill-0").prefills.at(-1)!.request.sampling.maxTokens).toBe(16);
  });

  test("streams text chunks, then [DONE]", async () => {
    text = "ab";
    const events = await sseEvents(await complete({ stream: true }));
    expect(events.at(-1)).toBe("[DONE]");
    expect(
      events.slice(0, -1).map(({ object, choices }) => [object, choices[0].text, choices[0].finish_reason]),
    ).toEqual([
      ["text_completion", "a", null],
      ["text_completion", "b", null],
      ["text_completion", "", "stop"],
    ]);
  });
});

describe("stop strings", () => {
  const contentOf = async (response: Response) => {
    const events = await sseEvents(response);
    return events.map((event) => event.choices?.[0]?.delta.content ?? "").join("");
  };

  test("end the answer across token borders, and the worker is told to stop", async () => {
    text = "one two three";
    const before = cluster.worker("decode-0").stops.length;
    const body = await jsonOf(await cluster.chat({ stop: ["o th"] }));
    expect(body.choices[0]).toMatchObject({ message: { content: "one tw" }, finish_reason: "stop" });
    expect(cluster.worker("decode-0").stops.length).toBe(before + 1);
  });

  test("leave nothing of themselves in a stream", async () => {
    text = "one two three";
    expect(await contentOf(await cluster.chat({ stream: true, stop: "two" }))).toBe("one ");
  });

  test("that never come leave the text as it is", async () => {
    text = "one tw";
    expect(await contentOf(await cluster.chat({ stream: true, stop: ["two", "twins"] }))).toBe("one tw");
  });
});

describe("the request id", () => {
  test("is the client's, when it is usable", async () => {
    text = "x";
    const response = await cluster.chat({}, { headers: { "x-request-id": "mine-1" } });
    expect(response.headers.get("x-request-id")).toBe("mine-1");
    expect(cluster.worker("decode-0").generations.at(-1)!.request.requestId).toBe("mine-1");
  });

  test.each([["two words"], ["x".repeat(129)], ["a\u00e9"]])("is one of ours instead of %j", async (id) => {
    text = "x";
    const response = await cluster.chat({ stream: true }, { headers: { "x-request-id": id } });
    expect(response.headers.get("x-request-id")).toMatch(/^req-[0-9a-f]{32}$/);
    await response.text();
  });
});

describe("other paths", () => {
  test("the served model is listed and found by its name", async () => {
    const object = { id: cluster.model, object: "model", created: expect.any(Number), owned_by: "baton" };
    const list = await jsonOf(await fetch(`${cluster.url}/v1/models`));
    expect(list).toEqual({ object: "list", data: [object] });
    expect(await jsonOf(await fetch(`${cluster.url}/v1/models/${cluster.model}`))).toEqual(object);
  });

  test("the probes say that all is well", async () => {
    const get = async (path: string) => jsonOf(await fetch(cluster.url + path));
    expect(await get("/liveness")).toEqual({ status: "alive" });
    expect(await get("/readiness")).toEqual({ status: "ready", mode: "disaggregated" });
    expect(await get("/health")).toEqual({ status: "ready", mode: "disaggregated" });
  });
});
