/** A long mixed run with failures injected: is every request one connected tree? */
import { runSoak } from "../trace/soak/run-soak.ts";
import type { Bench } from "./bench.ts";

export const bench: Bench = {
  question:
    "Of many requests, among them clients that leave, bad ones, deadlines, refusals and killed workers, how many leave one connected trace?",
  notMeasured:
    "a router that is killed, a collector that is away (test/trace/collector-outage), machines apart",

  async run(report, [requests = "10000", seed = "1"]) {
    if (!/^[1-9]\d*$/.test(requests))
      throw new Error(`Cannot play "${requests}" requests: expected a whole number from 1`);
    const startedAt = performance.now();
    const result = await runSoak({
      requests: Number(requests),
      seed: Number(seed),
      onRound: ({ requests: done, trees, kills }) => {
        const seconds = Math.round((performance.now() - startedAt) / 1000);
        process.stderr.write(`${done} requests, ${trees} trees, ${kills} kills, ${seconds} s\n`);
      },
    });
    const { ends, wrong, ...figures } = result;
    for (const [metric, value] of Object.entries(figures))
      report({ case: "all", contender: "baton", metric, value, unit: "" });
    for (const [end, value] of Object.entries(ends).sort())
      report({ case: end, contender: "baton", metric: "requests", value, unit: "" });
    for (const one of wrong) process.stderr.write(`${one}\n`);
    if (figures.trees !== figures.arrived)
      throw new Error(
        `Cannot find a tree for each of ${figures.arrived} requests: ${figures.trees} have one`,
      );
    if (wrong.length > 0) throw new Error(`Cannot call every trace good: at least ${wrong.length} are not`);
  },
};
