/** A long run of faults: does every request end, and is every answer right? */
import { type ChaosReport, runChaos } from "../fault/chaos/run-chaos.ts";
import type { Bench } from "./bench.ts";

export const bench: Bench = {
  question:
    "While workers are added, drained, killed, frozen and cut off, and clients leave: does every request end in time, is every answer right, is anything left?",
  notMeasured: "a router that is killed, Redis, real models, faults of the network other than silence",

  async run(report, [requests = "20000", seed = "1"]) {
    const result = await runChaos({
      requests: Number(requests),
      seed: Number(seed),
      concurrency: 64,
      workersPerRole: 3,
      faultEveryMs: 2500,
      longestFaultMs: 18_000,
      timeoutMs: 20_000,
      onProgress: (progress) => process.stderr.write(`${JSON.stringify(summary(progress))}\n`),
    });
    for (const [metric, value] of Object.entries(summary(result)))
      report({ case: "all", contender: "baton", metric, value, unit: "" });
    for (const one of result.wrong) process.stderr.write(`${one}\n`);
    if (result.wrong.length > 0)
      throw new Error(`Cannot call it good: at least ${result.wrong.length} ended wrong`);
  },
};

function summary({ wrong, errors, faults, ...figures }: ChaosReport): Record<string, number> {
  return { ...figures, wrong: wrong.length, ...prefixed("error: ", errors), ...prefixed("fault: ", faults) };
}

function prefixed(prefix: string, counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [prefix + name, count]));
}
