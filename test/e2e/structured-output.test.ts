/** Must hold: answers follow the form that was asked for, from a model that writes nonsense otherwise. */

import { ensureBabbleToolsCheckpoint } from "@baton/model/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type OpenAI from "openai";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";

const MODEL = "babble-tools";
const messages = [{ role: "user" as const, content: "Say something." }];
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ model: await ensureBabbleToolsCheckpoint(TEST_CACHE) });
}, 90_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

const schema = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 12 },
    age: { type: "integer", minimum: 0, maximum: 120 },
    tags: { type: "array", items: { enum: ["red", "green"] }, maxItems: 2 },
  },
  required: ["name", "age", "tags"],
  additionalProperties: false,
};

function ask(seed: number, options: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}) {
  return cluster.openai.chat.completions.create({
    model: MODEL,
    messages,
    seed,
    max_tokens: 300,
    response_format: { type: "json_schema", json_schema: { name: "person", schema } },
    ...options,
  });
}

function expectPerson(text: string | null | undefined): void {
  const person = JSON.parse(text ?? "") as { name: string; age: number; tags: string[] };
  expect(Object.keys(person)).toEqual(["name", "age", "tags"]);
  expect([...person.name].length).toBeLessThanOrEqual(12);
  expect(Number.isInteger(person.age) && person.age >= 0 && person.age <= 120).toBe(true);
  expect(person.tags.every((tag) => tag === "red" || tag === "green") && person.tags.length <= 2).toBe(true);
}

test("every answer is valid in its schema, whatever the seed and however hot", async () => {
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, seed) =>
      ask(seed, { temperature: (seed % 4) * 0.6, logprobs: seed % 3 === 0 }),
    ),
  );
  for (const { choices } of answers) {
    expect(choices[0]?.finish_reason).toBe("stop");
    expectPerson(choices[0]?.message.content);
  }
  await cluster.atRest();
}, 60_000);

test("the same seed gives the same text, alone and among others", async () => {
  const alone = await ask(7, { temperature: 1 });
  const [among] = await Promise.all([
    ask(7, { temperature: 1 }),
    ...[1, 2, 3, 4].map((seed) => ask(seed, { temperature: 1 })),
  ]);
  expect(among?.choices[0]?.message.content).toBe(alone.choices[0]?.message.content);
}, 60_000);

test("any object is JSON or cut short", async () => {
  for (const seed of [1, 2, 3]) {
    const { choices } = await ask(seed, {
      response_format: { type: "json_object" },
      max_tokens: 40,
      temperature: 1.5,
    });
    const [choice] = choices;
    expect(choice?.message.content?.startsWith("{")).toBe(true);
    if (choice?.finish_reason === "stop") JSON.parse(choice.message.content ?? "");
    else expect(choice?.finish_reason).toBe("length");
  }
}, 60_000);

test("a schema that is not supported is refused by the place of the keyword, before any worker is asked", async () => {
  const bad = { type: "object", properties: { n: { type: "integer", multipleOf: 3 } } };
  const refused = ask(1, {
    response_format: { type: "json_schema", json_schema: { name: "bad", schema: bad } },
  });
  await expect(refused).rejects.toMatchObject({
    status: 400,
    param: "response_format.json_schema.schema.properties.n.multipleOf",
  });
});

const tools = ["get_weather", "get_time"].map((name) => ({
  type: "function" as const,
  function: {
    name,
    description: `Does ${name}.`,
    parameters: {
      type: "object",
      properties: { city: { type: "string", maxLength: 10 } },
      required: ["city"],
      additionalProperties: false,
    },
  },
}));
const asTools = { response_format: { type: "text" as const }, tools, temperature: 1 };

function expectCall(call: OpenAI.ChatCompletionMessageToolCall | undefined): void {
  if (call?.type !== "function") throw new Error("expected a call of a function");
  expect(["get_weather", "get_time"]).toContain(call.function.name);
  expect(call.id).toMatch(/^call_/);
  expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) });
}

test("a call that is required comes, and is valid", async () => {
  const answers = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((seed) =>
      ask(seed, { ...asTools, tool_choice: "required", parallel_tool_calls: false }),
    ),
  );
  for (const { choices } of answers) {
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
    expect(choices[0]?.message.tool_calls).toHaveLength(1);
    expectCall(choices[0]?.message.tool_calls?.[0]);
  }
}, 60_000);

test("a named function is the one that is called, and its result goes back into the conversation", async () => {
  const choice = { type: "function" as const, function: { name: "get_time" } };
  const { choices } = await ask(3, { ...asTools, tool_choice: choice });
  const message = choices[0]!.message;
  expect(message.tool_calls).toMatchObject([{ function: { name: "get_time" } }]);
  const result = { role: "tool" as const, tool_call_id: message.tool_calls![0]!.id, content: "noon" };
  const after = await ask(3, { ...asTools, messages: [...messages, message, result], max_tokens: 5 });
  expect(after.choices[0]?.message.content).toEqual(expect.any(String));
}, 60_000);

test("a streamed call comes in pieces that make the same call", async () => {
  const options = {
    ...asTools,
    tool_choice: "required" as const,
    parallel_tool_calls: false,
    max_tokens: 300,
    seed: 5,
  };
  const stream = cluster.openai.chat.completions.stream({ model: MODEL, messages, ...options });
  const pieces: string[] = [];
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments;
    if (piece) pieces.push(piece);
  }
  const streamed = (await stream.finalChatCompletion()).choices[0]!;
  const whole = (await ask(5, options)).choices[0]!;
  expect(streamed.finish_reason).toBe("tool_calls");
  expect(pieces.length).toBeGreaterThan(1);
  const functions = (choice: OpenAI.ChatCompletion.Choice) =>
    choice.message.tool_calls?.map((call) => call.type === "function" && { ...call.function });
  expect(functions(streamed as OpenAI.ChatCompletion.Choice)).toMatchObject(functions(whole)!);
}, 60_000);

test("tools that may be called leave text as it is", async () => {
  const { choices } = await ask(1, { ...asTools, max_tokens: 12 });
  expect(choices[0]).toMatchObject({ finish_reason: "length", message: { content: expect.any(String) } });
  expect(choices[0]?.message.tool_calls).toBeUndefined();
});

test("a choice that cannot be is refused by name", async () => {
  const choice = { type: "function" as const, function: { name: "fly" } };
  await expect(ask(1, { ...asTools, tool_choice: choice })).rejects.toMatchObject({
    status: 400,
    param: "tool_choice",
  });
  const lone = { response_format: { type: "text" as const }, tool_choice: "required" as const };
  await expect(ask(1, lone)).rejects.toMatchObject({ status: 400, param: "tool_choice" });
});
