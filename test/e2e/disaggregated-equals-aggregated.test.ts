/** Must hold: greedy output does not depend on where the prompt was computed. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";

const CHUNK_TOKENS = 128;
const BLOCK_SIZE = 16;
const WORKER_ARGS = ["--chunk-tokens", String(CHUNK_TOKENS), "--block-size", String(BLOCK_SIZE)];
const MAX_TOKENS = 24;

let disaggregated: Cluster;
let aggregated: Cluster;

beforeAll(async () => {
  disaggregated = await Cluster.start({ workerArgs: WORKER_ARGS });
  aggregated = await Cluster.start({ mode: "aggregated", workerArgs: WORKER_ARGS });
}, 120_000);

afterAll(async () => {
  await Promise.all([disaggregated?.[Symbol.asyncDispose](), aggregated?.[Symbol.asyncDispose]()]);
});

/** Text of exactly `tokens` tokens of the model's byte-level tokenizer: varied, and never a prefix of another length's. */
function promptOf(tokens: number): string {
  let state = tokens * 2_654_435_761;
  let text = "";
  for (let i = 0; i < tokens; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += String.fromCharCode(97 + ((state >>> 16) % 26));
  }
  return text;
}

const around = (length: number) => [length - 1, length, length + 1];
const LENGTHS = [
  ...Array.from({ length: 14 }, (_, i) => i + 1),
  ...around(BLOCK_SIZE),
  ...around(2 * BLOCK_SIZE),
  ...around(3 * BLOCK_SIZE),
  ...around(CHUNK_TOKENS),
  ...around(2 * CHUNK_TOKENS),
  ...around(3 * CHUNK_TOKENS),
  ...around(8 * CHUNK_TOKENS),
  ...[
    40, 77, 100, 200, 222, 300, 333, 450, 500, 512, 600, 700, 777, 900, 1500, 2000, 2048, 2500, 3000, 4000,
    4096, 6000,
  ],
];

async function complete(cluster: Cluster, prompt: string) {
  const completion = await cluster.openai.completions.create({
    model: BABBLE_MODEL,
    prompt,
    max_tokens: MAX_TOKENS,
    temperature: 0,
  });
  const [choice] = completion.choices;
  return { text: choice!.text, reason: choice!.finish_reason, usage: completion.usage };
}

test(`the greedy answers to ${LENGTHS.length} prompts of 1 to 6000 tokens are the same in both modes`, async () => {
  expect(LENGTHS.length).toBeGreaterThanOrEqual(50);
  const answers = new Set<string>();
  for (const length of LENGTHS) {
    const prompt = promptOf(length);
    const [one, other] = await Promise.all([complete(disaggregated, prompt), complete(aggregated, prompt)]);
    expect({ length, ...one }).toEqual({ length, ...other });
    expect(one.usage).toMatchObject({ prompt_tokens: length });
    answers.add(one.text);
  }
  // A model that always says the same would make this test blind.
  expect(answers.size).toBeGreaterThan(LENGTHS.length / 2);
  await Promise.all([disaggregated.atRest(), aggregated.atRest()]);
}, 300_000);

test("a prompt whose prefix is cached gets the same answer again", async () => {
  const prompt = promptOf(1000);
  const first = await complete(disaggregated, prompt);
  const second = await complete(disaggregated, prompt);
  const cached = second.usage?.prompt_tokens_details?.cached_tokens;
  expect(cached).toBeGreaterThan(0);
  expect(second.text).toBe(first.text);
  await disaggregated.atRest();
}, 60_000);
