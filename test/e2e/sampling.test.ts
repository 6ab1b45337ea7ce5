/** Sampling over real processes: the same parameters give the same answer in both modes, first token included. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";

let disaggregated: Cluster;
let aggregated: Cluster;
let model: string;

beforeAll(async () => {
  [disaggregated, aggregated] = await Promise.all([Cluster.start(), Cluster.start({ mode: "aggregated" })]);
  model = (await disaggregated.openai.models.list()).data[0]!.id;
}, 120_000);

afterAll(async () => {
  await Promise.all([disaggregated, aggregated].map((cluster) => cluster?.[Symbol.asyncDispose]()));
});

/** What OpenAI's API does not have goes beside its own parameters. */
const EXTENSIONS = {
  top_k: 40,
  min_p: 0.01,
  repetition_penalty: 1.2,
  min_tokens: 8,
  ignore_eos: true,
  stop_token_ids: [7],
};

function complete(cluster: Cluster, n: number) {
  return cluster.openai.completions.create({
    model,
    prompt: "Once upon a time",
    n,
    seed: 42,
    max_tokens: 12,
    temperature: 0.9,
    top_p: 0.95,
    presence_penalty: 0.3,
    frequency_penalty: 0.2,
    logit_bias: { "101": 1 },
    logprobs: 2,
    ...EXTENSIONS,
  });
}

test("every parameter gives the same text and log-probabilities in both modes", async () => {
  const [apart, together] = await Promise.all([complete(disaggregated, 1), complete(aggregated, 1)]);
  const [choice] = apart.choices;
  const [other] = together.choices;
  expect(choice!.text).toBe(other!.text);
  expect(choice!.logprobs!.tokens).toEqual(other!.logprobs!.tokens);
  expect(choice!.logprobs!.tokens).toHaveLength(apart.usage!.completion_tokens);
  for (const [index, logprob] of choice!.logprobs!.token_logprobs!.entries()) {
    expect(logprob).toBeCloseTo(other!.logprobs!.token_logprobs![index]!, 3);
  }
});

test("the first of several choices is the one of a request for one, and the prompt is counted once", async () => {
  const one = await complete(disaggregated, 1);
  const three = await complete(disaggregated, 3);
  expect(three.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(three.choices[0]!.text).toBe(one.choices[0]!.text);
  expect(new Set(three.choices.map(({ text }) => text)).size).toBeGreaterThan(1);
  expect(three.usage!.prompt_tokens).toBe(one.usage!.prompt_tokens);
  expect(three.usage!.completion_tokens).toBeGreaterThan(one.usage!.completion_tokens);
  expect(await complete(disaggregated, 3)).toMatchObject({
    choices: three.choices.map(({ text }) => ({ text })),
  });
  await disaggregated.atRest();
});

test("a chat's log-probabilities are one for each token of its text, most likely first", async () => {
  const chat = await disaggregated.openai.chat.completions.create({
    model,
    messages: [{ role: "user", content: "Hello" }],
    max_completion_tokens: 6,
    temperature: 0,
    logprobs: true,
    top_logprobs: 3,
  });
  const [choice] = chat.choices;
  const { content } = choice!.logprobs!;
  expect(Buffer.from(content!.flatMap(({ bytes }) => bytes!)).toString()).toContain(choice!.message.content!);
  for (const { token, logprob, top_logprobs: top } of content!) {
    expect(top).toHaveLength(3);
    expect(top[0]).toMatchObject({ token, logprob });
    expect(top.map((each) => each.logprob)).toEqual(
      top.map((each) => each.logprob).toSorted((a, b) => b - a),
    );
  }
});
