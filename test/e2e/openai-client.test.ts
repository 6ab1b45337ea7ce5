/** The official `openai` client against a real cluster: shapes, streams, errors. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import OpenAI from "openai";
import { Cluster } from "../support/cluster.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start();
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

const MESSAGES = [
  { role: "system", content: "You are terse." },
  {
    role: "user",
    content: [
      { type: "text", text: "Say " },
      { type: "text", text: "something." },
    ],
  },
] as const satisfies OpenAI.ChatCompletionMessageParam[];

const chat = { model: BABBLE_MODEL, messages: [...MESSAGES], max_tokens: 12, temperature: 0 };

describe("chat completions", () => {
  test("an answer has exactly the object's shape", async () => {
    const completion = await cluster.openai.chat.completions.create(chat);
    expect(completion).toEqual({
      id: expect.stringMatching(/^chatcmpl-/),
      object: "chat.completion",
      created: expect.any(Number),
      model: BABBLE_MODEL,
      system_fingerprint: expect.any(String),
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: expect.any(String), refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: expect.stringMatching(/^(stop|length)$/),
        },
      ],
      usage: {
        prompt_tokens: expect.any(Number),
        completion_tokens: expect.any(Number),
        total_tokens: expect.any(Number),
        prompt_tokens_details: { cached_tokens: expect.any(Number) },
      },
    });
    const usage = completion.usage!;
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  });

  test("a stream says the same as the whole answer, and ends with the usage when asked to", async () => {
    const whole = await cluster.openai.chat.completions.create(chat);
    const stream = await cluster.openai.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size).toBe(1);
    expect(chunks[0]!.choices[0]!.delta).toMatchObject({ role: "assistant" });
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(whole.choices[0]!.message.content);
    const reasons = chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? []);
    expect(reasons).toEqual([whole.choices[0]!.finish_reason]);
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { completion_tokens: whole.usage!.completion_tokens, prompt_tokens: whole.usage!.prompt_tokens },
    });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test("the client's own stream helper reads it", async () => {
    const final = await cluster.openai.chat.completions.stream({ ...chat }).finalChatCompletion();
    expect(final.choices[0]!.message.content).toEqual(expect.any(String));
  });

  test("the same seed gives the same text, another seed another", async () => {
    const say = async (seed: number) =>
      (await cluster.openai.chat.completions.create({ ...chat, temperature: 1.5, max_tokens: 40, seed }))
        .choices[0]!.message.content;
    expect(await say(7)).toBe(await say(7));
    expect(await say(7)).not.toBe(await say(8));
  });

  test("max_completion_tokens bounds the answer", async () => {
    const { max_tokens: _, ...rest } = chat;
    const completion = await cluster.openai.chat.completions.create({ ...rest, max_completion_tokens: 1 });
    expect(completion.usage!.completion_tokens).toBeLessThanOrEqual(1);
  });

  test("leaving a stream early is no error", async () => {
    const stream = await cluster.openai.chat.completions.create({ ...chat, max_tokens: 2000, stream: true });
    for await (const _ of stream) break;
    await cluster.atRest();
  });
});

describe("completions", () => {
  test("an answer has exactly the object's shape", async () => {
    const completion = await cluster.openai.completions.create({
      model: BABBLE_MODEL,
      prompt: "Once",
      max_tokens: 5,
    });
    expect(completion).toEqual({
      id: expect.stringMatching(/^cmpl-/),
      object: "text_completion",
      created: expect.any(Number),
      model: BABBLE_MODEL,
      system_fingerprint: expect.any(String),
      choices: [
        {
          index: 0,
          text: expect.any(String),
          logprobs: null,
          finish_reason: expect.stringMatching(/^(stop|length)$/),
        },
      ],
      usage: {
        prompt_tokens: 4,
        completion_tokens: expect.any(Number),
        total_tokens: expect.any(Number),
        prompt_tokens_details: { cached_tokens: 0 },
      },
    });
  });

  test("a stream says the same as the whole answer", async () => {
    const body = { model: BABBLE_MODEL, prompt: "Twice upon a time", max_tokens: 20, temperature: 0 };
    const whole = await cluster.openai.completions.create(body);
    const stream = await cluster.openai.completions.create({ ...body, stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? "";
    expect(text).toBe(whole.choices[0]!.text);
  });
});

test("models are listed and found by name", async () => {
  const models = await cluster.openai.models.list();
  expect(models.data).toEqual([
    { id: BABBLE_MODEL, object: "model", created: expect.any(Number), owned_by: expect.any(String) },
  ]);
  expect(await cluster.openai.models.retrieve(BABBLE_MODEL)).toEqual(models.data[0]);
  await expect(cluster.openai.models.retrieve("gpt-7")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
});

test("errors reach the client as its own error classes", async () => {
  await expect(cluster.openai.chat.completions.create({ ...chat, max_tokens: -1 })).rejects.toMatchObject({
    status: 400,
    param: "max_tokens",
    type: "invalid_request_error",
  });
  await expect(cluster.openai.chat.completions.create({ ...chat, model: "gpt-7" })).rejects.toMatchObject({
    status: 404,
    code: "model_not_found",
  });
});

test("health, liveness and readiness answer", async () => {
  for (const path of ["health", "liveness", "readiness"]) {
    expect((await fetch(`${cluster.url}/${path}`)).status).toBe(200);
  }
});
