/** What clients see of requests that go well. */
import { BatonError, type GenerationEvent } from "@baton/core";
import type { GenerateCall } from "@baton/rpc";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jsonOf, sseEvents, TestCluster, tokensOf, untilCanceled } from "./testing/test-cluster.ts";

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

describe("sampling parameters", () => {
  const samplingOf = async (fields: object) => {
    text = "x";
    expect((await cluster.chat(fields)).status).toBe(200);
    return cluster.worker("decode-0").generations.at(-1)!.request.sampling;
  };

  test("reach the workers complete", async () => {
    const sampling = await samplingOf({
      top_k: 40,
      min_p: 0.25,
      repetition_penalty: 1.5,
      presence_penalty: -0.5,
      frequency_penalty: 2,
      logit_bias: { 65: 100, 66: -100 },
      min_tokens: 3,
      max_tokens: 9,
      stop_token_ids: [67],
      ignore_eos: true,
      logprobs: true,
      top_logprobs: 5,
    });
    expect(sampling).toMatchObject({
      topK: 40,
      minP: 0.25,
      repetitionPenalty: 1.5,
      presencePenalty: -0.5,
      frequencyPenalty: 2,
      logitBias: [
        { tokenId: 65, bias: 100 },
        { tokenId: 66, bias: -100 },
      ],
      minTokens: 3,
      stopTokenIds: [67],
      topLogprobs: 5,
    });
  });

  test("that ask for nothing change nothing", async () => {
    const plain = await samplingOf({ seed: 1 });
    const neutral = { n: 1, top_k: -1, logit_bias: {}, min_tokens: 0, ignore_eos: false, stop_token_ids: [] };
    expect(await samplingOf({ seed: 1, logprobs: false, presence_penalty: 0, ...neutral })).toEqual(plain);
    expect(plain.stopTokenIds.length).toBeGreaterThan(0);
    expect("topLogprobs" in plain).toBe(false);
  });
});

describe("log-probabilities", () => {
  /** Every token of the text, with "A" in second place. */
  async function* scored(call: GenerateCall): AsyncGenerator<GenerationEvent> {
    for await (const event of tokensOf(text, call)) {
      const top = [{ tokenId: 65, logprob: -1.5 }].slice(0, call.request.sampling.topLogprobs);
      if (event.type === "tokens") yield { ...event, logprobs: [{ logprob: -0.25, top }] };
      else yield event;
    }
  }
  let scoring: TestCluster;
  beforeAll(async () => {
    scoring = await TestCluster.start({ script: { generate: scored } });
  });
  afterAll(() => scoring[Symbol.asyncDispose]());

  const a = { token: "A", logprob: -1.5, bytes: [65] };
  const tokenOf = (token: string, top: object[]) => {
    return { token, logprob: -0.25, bytes: [...Buffer.from(token)], top_logprobs: top };
  };

  test("of a chat are in OpenAI's shape, whole or as a stream", async () => {
    text = "Hi";
    const content = [tokenOf("H", [a]), tokenOf("i", [a])];
    const whole = await jsonOf(await scoring.chat({ logprobs: true, top_logprobs: 1 }));
    expect(whole.choices[0].logprobs).toEqual({ content, refusal: null });
    const events = await sseEvents(await scoring.chat({ stream: true, logprobs: true, top_logprobs: 1 }));
    expect(events.slice(1, -1).map(({ choices: [choice] }) => choice.logprobs)).toEqual([
      { content: [content[0]], refusal: null },
      { content: [content[1]], refusal: null },
      null,
    ]);
  });

  test("of a chat without alternatives have an empty list of them", async () => {
    text = "H";
    const whole = await jsonOf(await scoring.chat({ logprobs: true }));
    expect(whole.choices[0].logprobs.content).toEqual([tokenOf("H", [])]);
  });

  test("of a completion are in OpenAI's older shape", async () => {
    text = "Hé";
    const body = { model: scoring.model, prompt: "Once", logprobs: 1 };
    const whole = await jsonOf(await scoring.post("/v1/completions", body));
    expect(whole.choices[0].logprobs).toEqual({
      tokens: ["H", "\\xc3", "\\xa9"],
      token_logprobs: [-0.25, -0.25, -0.25],
      top_logprobs: [
        { A: -1.5, H: -0.25 },
        { A: -1.5, "\\xc3": -0.25 },
        { A: -1.5, "\\xa9": -0.25 },
      ],
      text_offset: [0, 1, 1],
    });
  });
});

describe("several choices", () => {
  test("have a seed, a room and a request each, the first one the request's own", async () => {
    text = "Hi";
    const before = cluster.worker("prefill-0").prefills.length;
    const response = await cluster.chat({ n: 3, seed: 5 }, { headers: { "x-request-id": "three" } });
    const body = await jsonOf(response);
    expect(body.choices.map((choice: { index: number }) => choice.index)).toEqual([0, 1, 2]);
    for (const choice of body.choices) {
      expect(choice).toMatchObject({ message: { content: "Hi" }, finish_reason: "stop" });
    }
    expect(body.usage).toMatchObject({ completion_tokens: 6 });
    expect(body.usage.total_tokens).toBe(body.usage.prompt_tokens + 6);
    const calls = cluster.worker("prefill-0").prefills.slice(before);
    expect(calls.map(({ request }) => request.requestId).toSorted()).toEqual(["three", "three#1", "three#2"]);
    expect(new Set(calls.map(({ room }) => room)).size).toBe(3);
    expect(new Set(calls.map(({ request }) => request.sampling.seed)).size).toBe(3);
    expect(calls[0]!.request.sampling.seed).toBe(5n);
  });

  test("come as one stream, each with its own beginning and end, and one count of tokens", async () => {
    text = "ab";
    const events = await sseEvents(
      await cluster.chat({ n: 2, stream: true, stream_options: { include_usage: true } }),
    );
    for (const index of [0, 1]) {
      const own = events.flatMap(
        (event) => event.choices?.filter((each: { index: number }) => each.index === index) ?? [],
      );
      expect(own.map(({ delta }) => delta.content)).toEqual(["", "a", "b", undefined]);
      expect(own.at(-1).finish_reason).toBe("stop");
    }
    expect(events.slice(-2)).toEqual([expect.objectContaining({ choices: [] }), "[DONE]"]);
    expect(events.at(-2).usage.completion_tokens).toBe(4);
  });

  test("fail together, and only once every one of them has ended", async () => {
    await using failing = await TestCluster.start({
      script: {
        async *generate(call) {
          yield { type: "tokens", tokenIds: [65] };
          if (!call.request.requestId.endsWith("#1")) await untilCanceled(call.signal);
          throw new BatonError("internal", "Cannot go on: broken");
        },
      },
    });
    expect((await failing.chat({ n: 3 })).status).toBe(500);
    expect(failing.tracer.open).toBe(0);
    expect(failing.tracer.roots.flatMap((root) => root.defects())).toEqual([]);
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
