/** Must hold: the AI SDK of Vercel runs against the cluster: text, streams, usage, errors, abort, tools, objects. */

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ensureBabbleToolsCheckpoint } from "@baton/model/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { APICallError, generateObject, generateText, streamText, tool } from "ai";
import { z } from "zod";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";

let cluster: Cluster;
const model = (name = "babble-tools") =>
  createOpenAICompatible({
    name: "baton",
    baseURL: `${cluster.url}/v1`,
    includeUsage: true,
    supportsStructuredOutputs: true,
  })(name);

beforeAll(async () => {
  cluster = await Cluster.start({ model: await ensureBabbleToolsCheckpoint(TEST_CACHE) });
}, 90_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

test("text, whole and streamed, is the same, and its tokens are counted", async () => {
  const options = { model: model(), prompt: "Hello", maxOutputTokens: 20, temperature: 0, maxRetries: 0 };
  const whole = await generateText(options);
  const stream = streamText(options);
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  expect(text).toBe(whole.text);
  expect(whole.finishReason).toBe("length");
  expect(whole.usage.outputTokens).toBe(20);
  expect((await stream.usage).outputTokens).toBe(20);
}, 60_000);

test("an error is told with its status", async () => {
  const failing = generateText({ model: model("unknown"), prompt: "Hello", maxRetries: 0 });
  const error: unknown = await failing.catch((reason: unknown) => reason);
  expect(APICallError.isInstance(error) && error.statusCode).toBe(404);
}, 60_000);

test("an object is valid in its schema", async () => {
  const schema = z.object({
    title: z.string().max(12),
    count: z.int().min(1).max(9),
    kind: z.enum(["a", "b"]),
    note: z.string().max(5).nullable(),
  });
  for (const seed of [1, 2, 3]) {
    const { object } = await generateObject({
      model: model(),
      schema,
      prompt: "Make one.",
      seed,
      temperature: 1,
      maxRetries: 0,
    });
    expect(schema.parse(object)).toEqual(object);
  }
}, 60_000);

test("a tool is called with valid arguments, run, and its result is told to the model", async () => {
  const cities: string[] = [];
  const weather = tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string().max(8) }),
    execute: ({ city }) => {
      cities.push(city);
      return Promise.resolve({ degrees: 20 });
    },
  });
  const answer = await generateText({
    model: model(),
    prompt: "What is the weather?",
    tools: { weather },
    toolChoice: { type: "tool", toolName: "weather" },
    maxOutputTokens: 200,
    maxRetries: 0,
  });
  expect(answer.finishReason).toBe("tool-calls");
  expect(answer.toolResults[0]).toMatchObject({ toolName: "weather", output: { degrees: 20 } });
  expect(cities).toHaveLength(answer.toolCalls.length);
}, 60_000);

test("a stream that is aborted ends at once, and nothing of it is left", async () => {
  const leaving = new AbortController();
  const stream = streamText({
    model: model(),
    prompt: "Hello",
    maxOutputTokens: 4000,
    abortSignal: leaving.signal,
    maxRetries: 0,
  });
  const kinds: string[] = [];
  for await (const part of stream.fullStream) {
    kinds.push(part.type);
    if (part.type === "text-delta") leaving.abort();
  }
  expect(kinds.at(-1)).toBe("abort");
  await cluster.atRest();
}, 60_000);
