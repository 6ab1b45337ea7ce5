/** How quickly a worker answers a health check while it computes a long prompt, against while it is idle. */
import { createHealthClient } from "@baton/rpc";
import { Cluster } from "../support/cluster.ts";
import { type Bench, percentile } from "./bench.ts";

const PROMPT_TOKENS = 4000;
const ROUNDS = 5;

export const bench: Bench = {
  question: `While a ${PROMPT_TOKENS}-token prompt is prefilled, how long does the worker's gRPC health check take?`,
  notMeasured: "a network, several prompts at once, models whose single step is much longer than the demo's",

  async run(report) {
    // One chunk for the whole prompt: the engine thread is busy for as long as it can be.
    await using cluster = await Cluster.start({ workerArgs: ["--chunk-tokens", "8192"] });
    const { id: model } = (await cluster.openai.models.list()).data[0]!;
    const health = createHealthClient(cluster.process("prefill-0").addresses.grpc!);
    const check = async (): Promise<number> => {
      const startedAt = performance.now();
      await health.check({ signal: AbortSignal.timeout(10_000) });
      return performance.now() - startedAt;
    };
    for (let i = 0; i < 200; i++) await check();

    const idle: number[] = [];
    const busy: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < 200; i++) idle.push(await check());
      const prompt = `${round} `.padEnd(PROMPT_TOKENS, "a long story ");
      let answered = false;
      const answer = cluster.openai.completions.create({ model, prompt, max_tokens: 1 }).finally(() => {
        answered = true;
      });
      await cluster.until("prefill-0", "prefills", ({ sequences }) => sequences.prefilling === 1);
      while (!answered) busy.push(await check());
      await answer;
    }
    health.close();
    for (const [contender, samples] of [
      ["idle", idle],
      ["prefilling", busy],
    ] as const) {
      for (const p of [50, 99, 100]) {
        const value = percentile(samples, p);
        report({
          case: `${samples.length} checks`,
          contender,
          metric: `health check p${p}`,
          value,
          unit: "ms",
        });
      }
    }
  },
};
