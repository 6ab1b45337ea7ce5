/** Must hold: where a prompt is computed changes how fast an answer comes, and nothing else. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ChatCompletionMessageParam } from "openai/resources";
import { Cluster } from "../support/cluster.ts";
import { scrape, total } from "../support/scrape.ts";

/** Blocks of 16 tokens; a token is a character. */
const BLOCK_SIZE = 16;
const QUESTIONS = [
  `Tell me a long story. ${"It begins like any other story, and goes on. ".repeat(8)}`,
  "And then?",
  "What did they say?",
  "How does it end?",
];

let conditional: Cluster;
let always: Cluster;

beforeAll(async () => {
  const workerArgs = ["--block-size", String(BLOCK_SIZE)];
  conditional = await Cluster.start({ workerArgs, routerArgs: ["--disaggregation", "conditional"] });
  always = await Cluster.start({ workerArgs });
}, 120_000);

afterAll(async () => {
  await Promise.all([conditional?.[Symbol.asyncDispose](), always?.[Symbol.asyncDispose]()]);
});

/** Asks one question after the other, each with all that was said before. */
async function talk(cluster: Cluster) {
  const messages: ChatCompletionMessageParam[] = [];
  const turns = [];
  for (const content of QUESTIONS) {
    messages.push({ role: "user", content });
    const { choices, usage } = await cluster.openai.chat.completions.create({
      model: BABBLE_MODEL,
      messages,
      max_tokens: 40,
      temperature: 0,
    });
    const answer = choices[0]!.message.content!;
    messages.push({ role: "assistant", content: answer });
    const { prompt_tokens_details: details } = usage!;
    // The newest token of an answer has no KV yet.
    const computed = usage!.prompt_tokens + usage!.completion_tokens - 1;
    turns.push({ answer, computed, cached: details?.cached_tokens ?? 0 });
  }
  return turns;
}

async function decisions(cluster: Cluster, labels: Record<string, string>): Promise<number> {
  return total(await scrape(cluster, "router"), "baton_router_decisions_total", labels);
}

test("the later turns of a chat are computed where its KV is, and the answers are the same", async () => {
  const [turns, expected] = [await talk(conditional), await talk(always)];
  expect(turns.map(({ answer }) => answer)).toEqual(expected.map(({ answer }) => answer));
  expect(new Set(turns.map(({ answer }) => answer)).size).toBe(QUESTIONS.length);
  expect(await decisions(conditional, { mode: "disaggregated", why: "long_prompt" })).toBe(1);
  expect(await decisions(conditional, { mode: "local", why: "short_prompt" })).toBe(3);
  expect(await decisions(always, { mode: "disaggregated", why: "mode" })).toBe(4);
  for (const [index, { cached }] of turns.entries()) {
    // All full blocks of the turn before: its prompt, which came with its KV or was computed here, and its answer.
    const before = turns[index - 1]?.computed ?? 0;
    expect(cached).toBe(Math.floor(before / BLOCK_SIZE) * BLOCK_SIZE);
  }
  await Promise.all([conditional.atRest(), always.atRest()]);
}, 60_000);
