/** Workers with `--engine mock`: everything but the model is real, and clients can predict every answer. */
import { resolveModel } from "@baton/model";
import { BABBLE_MODEL, ensureBabbleCheckpoint } from "@baton/model/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster, TEST_CACHE } from "../support/cluster.ts";
import { MockAnswers } from "../support/mock-answers.ts";

const MOCK = ["--engine", "mock", "--mock-speedup", "20", "--mock-seed", "3"];

describe("a cluster of mock workers", () => {
  let cluster: Cluster;
  let answers: MockAnswers;

  beforeAll(async () => {
    cluster = await Cluster.start({ decode: 2, workerArgs: MOCK });
    answers = await MockAnswers.of(await ensureBabbleCheckpoint(TEST_CACHE), 3);
  }, 60_000);

  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test("answers what its clients predict, many at once", async () => {
    const prompts = Array.from({ length: 40 }, (_, index) => `${index} is a number `.repeat(1 + index));
    const got = await Promise.all(
      prompts.map((prompt) =>
        cluster.openai.completions.create({ model: BABBLE_MODEL, prompt, max_tokens: 20 }),
      ),
    );
    for (const [index, prompt] of prompts.entries()) {
      expect(got[index]!.choices[0]!.text).toBe(answers.completion(prompt, 20));
    }
    await cluster.atRest();
  });

  test("reuses the KV of prompts that begin alike", async () => {
    const prompt = "the same beginning ".repeat(20);
    const ask = (text: string) =>
      cluster.openai.completions.create({ model: BABBLE_MODEL, prompt: text, max_tokens: 4 });
    await ask(prompt);
    const second = await ask(`${prompt} and more`);
    expect(second.choices[0]!.text).toBe(answers.completion(`${prompt} and more`, 4));
    expect(second.usage!.prompt_tokens_details!.cached_tokens).toBeGreaterThan(300);
  });

  test("takes prompts longer than the model's own context", async () => {
    const prompt = "0123456789".repeat(2000);
    const answer = await cluster.openai.completions.create({ model: BABBLE_MODEL, prompt, max_tokens: 4 });
    expect(answer.usage!.prompt_tokens).toBe(20_000);
    expect(answer.choices[0]!.text).toBe(answers.completion(prompt, 4));
  });
});

test("mocks of the demo model answer chats as predicted", async () => {
  await using cluster = await Cluster.start({ model: "demo", mode: "aggregated", workerArgs: MOCK });
  const { folder, name } = await resolveModel({
    model: "demo",
    hubUrl: "",
    hubToken: undefined,
    hubCache: "",
    hubOffline: true,
  });
  const answers = await MockAnswers.of(folder, 3);
  const answer = await cluster.openai.chat.completions.create({
    model: name,
    messages: [{ role: "user", content: "What is Baton?" }],
    max_tokens: 30,
  });
  expect(answer.choices[0]!.message.content).toBe(answers.chat("What is Baton?", 30));
});
