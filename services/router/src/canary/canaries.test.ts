import { BatonError } from "@baton/core";
import { expect, test } from "@jest/globals";
import { eventually } from "../testing/eventually.ts";
import { jsonOf, TestCluster } from "../testing/test-cluster.ts";

test("a broken worker's circuit opens without any client, and closes when the worker is well again", async () => {
  let broken = true;
  await using cluster = await TestCluster.start({
    args: ["--canary-interval-ms", "5"],
    script: {
      prefill: async ({ request }) => {
        expect(request.probe).toBe(true);
        if (broken) throw new BatonError("internal", "The engine is stuck");
        const usage = { promptTokens: request.promptTokenIds.length, cachedTokens: 0, completionTokens: 1 };
        return { usage, firstTokenId: 65, kvBytes: 0 };
      },
    },
  });
  const circuitIs = (id: string, circuit: string) =>
    eventually(async () => {
      const { data } = await jsonOf(await fetch(`${cluster.url}/workers`));
      return data.find((worker: { id: string }) => worker.id === id).circuit === circuit;
    });
  await circuitIs("prefill-0", "open");
  await circuitIs("decode-0", "closed");
  const health = await fetch(`${cluster.url}/health_generate`);
  expect([health.status, await jsonOf(health)]).toEqual([
    503,
    { status: "unhealthy", code: "internal", reason: expect.stringContaining("stuck") },
  ]);
  broken = false;
  await circuitIs("prefill-0", "closed");
  expect(cluster.tracer.roots).toEqual([]);
});
