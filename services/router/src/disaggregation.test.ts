/** Where prompts are computed under `--disaggregation conditional`. */
import type { GenerationEvent } from "@baton/core";
import type { GenerateCall } from "@baton/rpc";
import { describe, expect, test } from "@jest/globals";
import { eventually } from "./testing/eventually.ts";
import type { RecordedStage } from "./testing/recording-tracer.ts";
import { TestCluster, tokensOf, untilCanceled } from "./testing/test-cluster.ts";

/** 64 blocks of 16 tokens, of which every character is one. */
const story = "once upon a time".repeat(64);

const CONDITIONAL = ["--disaggregation", "conditional"];

function verdictOf(root: RecordedStage) {
  const { attributes } = root.find("decode_routing")!;
  return [
    attributes["baton.disaggregation.verdict"],
    attributes["baton.disaggregation.reason"],
    attributes["baton.disaggregation.uncached_tokens"],
  ];
}

async function complete(cluster: TestCluster, prompt: string): Promise<RecordedStage> {
  const body = { model: cluster.model, prompt, max_tokens: 1 };
  expect((await cluster.post("/v1/completions", body)).status).toBe(200);
  await eventually(() => cluster.tracer.open === 0);
  return cluster.tracer.roots.at(-1)!;
}

async function decisions(cluster: TestCluster): Promise<Record<string, number>> {
  const text = await (await fetch(`${cluster.url}/metrics`)).text();
  const lines = text.matchAll(/^baton_router_decisions_total\{mode="(\w+)",why="(\w+)".*\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, mode, why, count]) => [`${mode}/${why}`, Number(count)]));
}

async function loads(cluster: TestCluster): Promise<Record<string, number>> {
  const text = await (await fetch(`${cluster.url}/metrics`)).text();
  const lines = text.matchAll(/^baton_router_worker_(\w+)\{worker="([\w-]+)".*\} (\d+)$/gm);
  return Object.fromEntries(
    [...lines].map(([, figure, worker, value]) => [`${worker} ${figure}`, Number(value)]),
  );
}

describe("--disaggregation conditional", () => {
  test("sends a new prompt to a prefill worker, and computes locally what begins like one before", async () => {
    await using cluster = await TestCluster.start({ args: CONDITIONAL });
    const first = await complete(cluster, story);
    expect(verdictOf(first)).toEqual(["remote", "long_prompt", 1024]);
    expect(first.find("prefill_leg")).toBeDefined();
    const second = await complete(cluster, `${story} and so on`);
    expect(verdictOf(second)).toEqual(["local", "short_prompt", 10]);
    expect(second.find("prefill_leg")).toBeUndefined();
    expect(cluster.worker("decode-0").generations.map(({ handover }) => handover !== undefined)).toEqual([
      true,
      false,
    ]);
    expect(await decisions(cluster)).toEqual({
      "disaggregated/long_prompt": 1,
      "local/short_prompt": 1,
    });
  });

  test("goes by the bounds of its settings", async () => {
    await using cluster = await TestCluster.start({
      args: [...CONDITIONAL, "--local-uncached-tokens", "10"],
    });
    await complete(cluster, story);
    expect(verdictOf(await complete(cluster, `${story} and so on`))).toEqual(["remote", "long_prompt", 10]);
    expect(verdictOf(await complete(cluster, `${story} and so`))).toEqual(["local", "short_prompt", 7]);
  });

  test("takes the decode worker that has the prompt's beginning", async () => {
    await using cluster = await TestCluster.start({ args: CONDITIONAL });
    await cluster.addWorker("decode-1", "decode");
    const first = await complete(cluster, story);
    const home = first.find("decode_leg")!.attributes["baton.worker.id"];
    for (const end of [" there was", " nobody was", " all were"]) {
      const next = await complete(cluster, story + end);
      expect(next.find("decode_leg")!.attributes["baton.worker.id"]).toBe(home);
    }
  });

  test("requests that arrive together see each other, and not all slip under one bound", async () => {
    const released = Promise.withResolvers<void>();
    let isOpen = true;
    async function* generate(call: GenerateCall): AsyncGenerator<GenerationEvent, void, void> {
      if (!isOpen) await Promise.race([released.promise, untilCanceled(call.signal)]);
      yield* tokensOf("x", call);
    }
    const args = [...CONDITIONAL, "--max-local-tokens", "35"];
    await using cluster = await TestCluster.start({ args, script: { generate } });
    await complete(cluster, story);
    isOpen = false;
    const body = { model: cluster.model, prompt: `${story} and so on`, max_tokens: 1 };
    const answers = Array.from({ length: 8 }, () => cluster.post("/v1/completions", body));
    await eventually(() => cluster.worker("decode-0").generations.length === 9);
    expect(await decisions(cluster)).toEqual({
      "disaggregated/long_prompt": 1,
      "local/short_prompt": 3,
      "disaggregated/decode_busy": 5,
    });
    released.resolve();
    for (const answer of answers) expect((await answer).status).toBe(200);
  });
});

test("with always, and by default, every prompt goes to a prefill worker", async () => {
  await using cluster = await TestCluster.start();
  await complete(cluster, story);
  const { attributes } = (await complete(cluster, story)).find("decode_routing")!;
  expect(attributes["baton.disaggregation.reason"]).toBe("mode");
  expect(await decisions(cluster)).toEqual({ "disaggregated/mode": 2 });
});

test("what a request keeps busy shrinks at its first token, grows with its answer and ends with it", async () => {
  const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  async function* generate(call: GenerateCall): AsyncGenerator<GenerationEvent, void, void> {
    await steps[0]!.promise;
    yield { type: "tokens", tokenIds: [65] };
    await steps[1]!.promise;
    yield { type: "tokens", tokenIds: Array.from({ length: 32 }, () => 66) };
    await steps[2]!.promise;
    const usage = { promptTokens: 1024, cachedTokens: 0, completionTokens: 33 };
    yield { type: "end", reason: "stop", usage };
    void call;
  }
  const prefill = async (call: { readonly signal: AbortSignal }) => untilCanceled(call.signal);
  await using cluster = await TestCluster.start({ script: { generate, prefill } });
  const answer = cluster.post("/v1/completions", { model: cluster.model, prompt: story, max_tokens: 40 });
  const reads = (expected: Record<string, number>) =>
    eventually(async () => {
      const now = await loads(cluster);
      return Object.entries(expected).every(([name, value]) => now[name] === value);
    });
  await reads({ "prefill-0 prefill_tokens": 1024, "decode-0 decode_blocks": 64, "decode-0 requests": 1 });
  steps[0]!.resolve();
  await reads({ "prefill-0 prefill_tokens": 0, "prefill-0 requests": 1, "decode-0 decode_blocks": 65 });
  steps[1]!.resolve();
  await reads({ "decode-0 decode_blocks": 67 });
  steps[2]!.resolve();
  expect((await answer).status).toBe(200);
  await reads({ "prefill-0 requests": 0, "decode-0 requests": 0, "decode-0 decode_blocks": 0 });
});
