/** Must hold: inference never blocks a worker's main thread. How fast it answers is measured by `npm run bench -- health`. */
import { createHealthClient } from "@baton/rpc";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Cluster } from "../support/cluster.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ workerArgs: ["--chunk-tokens", "8192"] });
}, 60_000);

afterAll(() => cluster?.[Symbol.asyncDispose]());

test("a prefill worker answers many health checks within the single step that computes 4,000 tokens", async () => {
  const { id: model } = (await cluster.openai.models.list()).data[0]!;
  const health = createHealthClient(cluster.process("prefill-0").addresses.grpc!);
  let answered = false;
  const answer = cluster.openai.completions
    .create({ model, prompt: "tell me ".repeat(500), max_tokens: 1 })
    .finally(() => {
      answered = true;
    });
  await cluster.until("prefill-0", "prefills", ({ sequences }) => sequences.prefilling === 1);
  let checks = 0;
  while (!answered) {
    expect(await health.check({ signal: AbortSignal.timeout(10_000) })).toBe("serving");
    checks += 1;
  }
  health.close();
  expect((await answer).usage?.prompt_tokens).toBe(4000);
  // Were the step to block the main thread, one check would take as long as the step, and there would be one or two.
  expect(checks).toBeGreaterThan(20);
});
