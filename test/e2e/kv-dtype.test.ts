/** `--kv-dtype int8`: the KV of running sequences in 8 bits gives the same answers wherever prompts are computed. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";

const env = { BATON_KV_DTYPE: "int8" };
const MAX_TOKENS = 40;

let disaggregated: Cluster;
let aggregated: Cluster;

beforeAll(async () => {
  disaggregated = await Cluster.start({ env });
  aggregated = await Cluster.start({ env, mode: "aggregated" });
}, 120_000);

afterAll(async () => {
  await Promise.all([disaggregated?.[Symbol.asyncDispose](), aggregated?.[Symbol.asyncDispose]()]);
});

async function complete(cluster: Cluster, prompt: string): Promise<string> {
  const completion = await cluster.openai.completions.create({
    model: BABBLE_MODEL,
    prompt,
    max_tokens: MAX_TOKENS,
    temperature: 0,
  });
  return completion.choices[0]!.text;
}

const PROMPTS = [3, 100, 127, 128, 129, 700].map((length) =>
  "to be or not to be, ".repeat(length).slice(-length),
);

test("a pair answers as an aggregated worker does, alone and all at once", async () => {
  const alone: string[] = [];
  for (const prompt of PROMPTS) alone.push(await complete(disaggregated, prompt));
  expect(await Promise.all(PROMPTS.map((prompt) => complete(disaggregated, prompt)))).toEqual(alone);
  expect(await Promise.all(PROMPTS.map((prompt) => complete(aggregated, prompt)))).toEqual(alone);
}, 60_000);

test("a prompt that goes on from an answer gives the same, whether a worker wrote that answer or not", async () => {
  const prompt = PROMPTS.at(-1)!;
  const answered = `${prompt}${await complete(aggregated, prompt)} and so on`;
  const once = await complete(aggregated, answered);
  expect(await complete(disaggregated, answered)).toBe(once);
  expect(await complete(aggregated, answered)).toBe(once);
}, 60_000);
