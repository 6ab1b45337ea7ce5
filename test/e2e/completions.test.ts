/** Several prompts, token ids and echo of `POST /v1/completions`, with the official client against a real cluster. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type OpenAI from "openai";
import { Cluster } from "../support/cluster.ts";

let cluster: Cluster;
let openai: OpenAI;

beforeAll(async () => {
  cluster = await Cluster.start();
  openai = cluster.openai;
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

const PROMPTS = ["Once upon a time", "The relay runner", "Tea"];
const greedy = { model: BABBLE_MODEL, max_tokens: 8, temperature: 0 };

/** The babbling model's tokens are bytes. */
const tokensOf = (text: string) => [...Buffer.from(text)];

async function alone(prompt: string, n = 1, seed = 5, temperature = 0): Promise<string[]> {
  const { choices } = await openai.completions.create({ ...greedy, prompt, n, seed, temperature });
  return choices.map(({ text }) => text);
}

describe("several prompts", () => {
  test("are answered in their order, each as if it were alone, and their usage is added up", async () => {
    const { choices, usage } = await openai.completions.create({ ...greedy, prompt: PROMPTS });
    expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(choices.map(({ text }) => text)).toEqual((await Promise.all(PROMPTS.map((p) => alone(p)))).flat());
    expect(usage).toMatchObject({
      prompt_tokens: PROMPTS.join("").length,
      completion_tokens: 24,
      total_tokens: PROMPTS.join("").length + 24,
    });
    await cluster.atRest();
  });

  test("have n choices each: all of the first prompt, then all of the second", async () => {
    const body = { ...greedy, prompt: PROMPTS, n: 2, seed: 5, temperature: 1 };
    const { choices, usage } = await openai.completions.create(body);
    const expected = await Promise.all(PROMPTS.map((prompt) => alone(prompt, 2, 5, 1)));
    expect(choices.map(({ text }) => text)).toEqual(expected.flat());
    expect(usage).toMatchObject({ prompt_tokens: PROMPTS.join("").length, completion_tokens: 48 });
  });

  test("stream under the same indices", async () => {
    const body = { ...greedy, prompt: PROMPTS, n: 2, seed: 5, temperature: 1 };
    const texts: string[] = [];
    const ends: number[] = [];
    for await (const { choices } of await openai.completions.create({ ...body, stream: true })) {
      for (const { index, text, finish_reason } of choices) {
        texts[index] = (texts[index] ?? "") + text;
        if (finish_reason) ends.push(index);
      }
    }
    const { choices } = await openai.completions.create(body);
    expect(texts).toEqual(choices.map(({ text }) => text));
    expect(ends.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
    await cluster.atRest();
  });

  test("end together when the client leaves", async () => {
    const body = { ...greedy, max_tokens: 500, prompt: PROMPTS, n: 2 };
    const stream = await openai.completions.create({ ...body, stream: true });
    for await (const _chunk of stream) break;
    await cluster.atRest();
  });
});

describe("token ids", () => {
  test("are a prompt as they are", async () => {
    const { choices, usage } = await openai.completions.create({ ...greedy, prompt: tokensOf("Tea") });
    expect(choices.map(({ text }) => text)).toEqual(await alone("Tea"));
    expect(usage?.prompt_tokens).toBe(3);
  });

  test("are several prompts where they come in lists", async () => {
    const prompt = PROMPTS.map(tokensOf);
    const { choices } = await openai.completions.create({ ...greedy, prompt });
    expect(choices.map(({ text }) => text)).toEqual((await Promise.all(PROMPTS.map((p) => alone(p)))).flat());
  });
});

describe("echo", () => {
  test.each([
    ["texts", PROMPTS],
    ["token ids", PROMPTS.map(tokensOf)],
  ])("puts the prompt before each answer (%s)", async (_what, prompt) => {
    const { choices, usage } = await openai.completions.create({ ...greedy, prompt, echo: true });
    const answers = (await Promise.all(PROMPTS.map((p) => alone(p)))).flat();
    expect(choices.map(({ text }) => text)).toEqual(PROMPTS.map((p, index) => p + answers[index]));
    expect(usage?.completion_tokens).toBe(24);
  });

  test("streams it first, and stop strings are not looked for in it", async () => {
    const body = { ...greedy, prompt: "Once upon", echo: true, stop: "upon" };
    const parts: string[] = [];
    for await (const { choices } of await openai.completions.create({ ...body, stream: true })) {
      parts.push(choices[0]!.text);
    }
    expect(parts[0]).toBe("Once upon");
    expect(parts.join("")).toBe(`Once upon${(await alone("Once upon"))[0]}`);
  });

  test("is refused with log-probabilities, by name", async () => {
    const refused = openai.completions.create({ ...greedy, prompt: "Tea", echo: true, logprobs: 1 });
    await expect(refused).rejects.toMatchObject({ status: 400, param: "echo" });
  });
});
