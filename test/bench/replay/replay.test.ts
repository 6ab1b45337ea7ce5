/** The simulation against what can be said without it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeMs, prefillMs } from "@baton/engine";
import { POLICY_NAMES, type PolicyName } from "@baton/routing";
import { expect, test } from "@jest/globals";
import { readTrace, type TraceRequest } from "./mooncake-trace.ts";
import { globalCacheHitRate } from "./reference-caches.ts";
import { simulate } from "./sim-cluster.ts";

/** Conversations that grow by a block and a bit each turn, one after another. */
const LINES = Array.from({ length: 60 }, (_, index) => {
  const [turn, conversation] = [index % 6, Math.floor(index / 6)];
  const whole = Array.from({ length: turn + 2 }, (_, block) =>
    block === 0 ? 0 : 100 * conversation + block,
  );
  return {
    timestamp: index * 10_000,
    input_length: whole.length * 512 + 100,
    output_length: 20,
    hash_ids: [...whole, 10_000 + index],
  };
});

async function requestsOf(lines: readonly object[]): Promise<readonly TraceRequest[]> {
  const folder = await mkdtemp(join(tmpdir(), "baton-trace-"));
  const file = join(folder, "trace.jsonl");
  await writeFile(file, lines.map((line) => JSON.stringify(line)).join("\n"));
  const requests = await readTrace(file);
  await rm(folder, { recursive: true });
  return requests;
}

function play(requests: readonly TraceRequest[], policy: PolicyName, workers: number, kvBlocks = 10_000) {
  const serviceLevel = { firstTokenMs: 2000, perTokenMs: 50 };
  return simulate(requests, {
    policy,
    prefillWorkers: workers,
    decodeWorkers: workers,
    pace: 1,
    kvBlocks,
    serviceLevel,
  });
}

test("one worker finds what one infinite cache would, whatever the policy", async () => {
  const requests = await requestsOf(LINES);
  for (const policy of POLICY_NAMES) {
    expect(play(requests, policy, 1).hitRate).toBeCloseTo(globalCacheHitRate(requests), 10);
  }
});

test("kv finds the same on many idle workers, and round robin less", async () => {
  const requests = await requestsOf(LINES);
  expect(play(requests, "kv", 4).hitRate).toBeCloseTo(globalCacheHitRate(requests), 10);
  expect(play(requests, "round_robin", 4).hitRate).toBeLessThan(0.8 * globalCacheHitRate(requests));
});

test("a lone request takes what the timing model says", async () => {
  const [request] = await requestsOf([LINES[5]!]);
  const { firstTokenMs, betweenTokensMs } = play([request!], "kv", 1);
  // The simulated prompt has its length in steps of 32 tokens.
  expect(firstTokenMs.mean).toBeCloseTo(prefillMs(request!.promptTokenIds.length * 32), 6);
  expect(betweenTokensMs.percentile(50)).toBeCloseTo(decodeMs(0.003), 0);
});

test("a worker without room forgets, and everything still ends", async () => {
  const arrivals = LINES.map(({ timestamp }) => timestamp);
  // All first turns, then all second ones: by the time a conversation goes on, nine others were there.
  const byTurn = LINES.toSorted((a, b) => a.hash_ids.length - b.hash_ids.length);
  const requests = await requestsOf(byTurn.map((line, index) => ({ ...line, timestamp: arrivals[index] })));
  const report = play(requests, "kv", 1, 10);
  expect(report.hitRate).toBeLessThan(globalCacheHitRate(requests));
  expect(report.goodShare).toBe(1);
});

test("the reference cache forgets what was not used for longest, the ends of prompts first", async () => {
  const line = (...hash_ids: number[]) => ({
    timestamp: 0,
    input_length: hash_ids.length * 512,
    output_length: 1,
    hash_ids,
  });
  const requests = await requestsOf([line(1, 2), line(3, 4), line(1, 2), line(3)]);
  expect(globalCacheHitRate(requests)).toBe(3 / 7);
  expect(globalCacheHitRate(requests, 3)).toBe(2 / 7);
});
