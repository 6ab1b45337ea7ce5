/** Must hold: 200 concurrent requests through one pair finish, all correct, and memory comes back. */
import { BABBLE_MODEL } from "@baton/model/testing";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";

const REQUESTS = 200;
/** Heaps, code and pools reach their size in the first rounds … */
const WARM_ROUNDS = 4;
const ROUNDS = 8;
/** … and resident memory may still move a little afterwards: garbage not yet collected, not requests. */
const RSS_SLACK = 1.25;

let cluster: Cluster;

beforeAll(async () => {
  // A small pool: its pages become resident as they are first used, which must not look like growth.
  cluster = await Cluster.start({ workerArgs: ["--kv-memory", "32MiB"] });
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

const prompts = Array.from({ length: REQUESTS }, (_, i) =>
  `${i} bottles of beer on the wall. `.repeat(1 + (i % 12)),
);

function complete(prompt: string): Promise<string> {
  return cluster.openai.completions
    .create({ model: BABBLE_MODEL, prompt, max_tokens: 8 + (prompt.length % 9), temperature: 0 })
    .then((completion) => completion.choices[0]!.text);
}

async function rss(): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const name of cluster.workers) sizes[name] = (await cluster.status(name)).rssBytes;
  return sizes;
}

test(`${REQUESTS} concurrent requests give the answers that they give one by one`, async () => {
  const alone: string[] = [];
  for (const prompt of prompts) alone.push(await complete(prompt));
  let warm: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    expect(await Promise.all(prompts.map(complete))).toEqual(alone);
    await cluster.atRest();
    if (round === WARM_ROUNDS - 1) warm = await rss();
  }
  const last = await rss();
  for (const [name, bytes] of Object.entries(warm)) {
    expect({ name, steady: last[name]! / bytes < RSS_SLACK, from: bytes, to: last[name] }).toMatchObject({
      steady: true,
    });
  }
}, 240_000);
