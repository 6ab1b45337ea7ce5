/** The first thing that a newcomer does: a question to the built-in model, through the whole cluster. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type OpenAI from "openai";
import { Cluster } from "../support/cluster.ts";

/** What the reference implementation answers (see packages/model/demo-model/README.md). */
interface Golden {
  readonly chats: readonly {
    readonly messages: OpenAI.ChatCompletionMessageParam[];
    readonly promptTokenIds: readonly number[];
    readonly answer: string;
    readonly answerTokenIds: readonly number[];
  }[];
  readonly completion: {
    readonly prompt: string;
    readonly promptTokenIds: readonly number[];
    readonly answer: string;
    readonly answerTokenIds: readonly number[];
  };
}

const golden = JSON.parse(
  readFileSync(new URL("../../packages/model/demo-model/golden.json", import.meta.url), "utf8"),
) as Golden;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ model: "demo", env: { BATON_WEIGHTS: "int8" } });
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

describe("The demo model", () => {
  test.each(golden.chats.map((chat) => [chat.messages.at(-1)!.content, chat] as const))(
    "answers %j as the reference does, and comes to an end",
    async (_, { messages, answer, promptTokenIds, answerTokenIds }) => {
      const completion = await cluster.openai.chat.completions.create({ model: "baton-demo", messages });
      expect(completion.choices[0]).toMatchObject({ message: { content: answer }, finish_reason: "stop" });
      expect(completion.usage).toMatchObject({
        prompt_tokens: promptTokenIds.length,
        completion_tokens: answerTokenIds.length,
      });
    },
  );

  test("continues a text as the reference does", async () => {
    const { prompt, answer, promptTokenIds, answerTokenIds } = golden.completion;
    const completion = await cluster.openai.completions.create({
      model: "baton-demo",
      prompt,
      max_tokens: answerTokenIds.length,
      temperature: 0,
    });
    expect(completion.choices[0]!.text).toBe(answer);
    expect(completion.usage).toMatchObject({ prompt_tokens: promptTokenIds.length });
  });
});
