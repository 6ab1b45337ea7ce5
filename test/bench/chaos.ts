/** A long run of faults: does every request end, and is every answer right? */
import type { ChaosReport } from "../fault/chaos/chaos-tally.ts";
import { runChaos } from "../fault/chaos/run-chaos.ts";
import type { Bench } from "./bench.ts";

export const bench: Bench = {
  question:
    "While workers are added, drained, killed, frozen and cut off, and clients leave: does every request end in time, is every answer right, is anything left?",
  notMeasured: "a router that is killed, Redis, real models, faults of the network other than silence",

  async run(report, [requests = "20000", seed = "1"]) {
    const ended = new AbortController();
    const unlisten = onSignal((name) => {
      process.stderr.write(`Ending early: ${name}\n`);
      ended.abort();
    });
    const result = await runChaos({
      requests: Number(requests),
      seed: Number(seed),
      concurrency: 64,
      workersPerRole: 3,
      faultEveryMs: 2500,
      longestFaultMs: 18_000,
      timeoutMs: 20_000,
      onProgress: (progress) => process.stderr.write(`${JSON.stringify(summary(progress))}\n`),
      signal: ended.signal,
    }).finally(unlisten);
    for (const [metric, value] of Object.entries(summary(result)))
      report({ case: "all", contender: "baton", metric, value, unit: "" });
    const complaints = [...result.wrong, ...result.failures, ...result.leftBehind];
    for (const one of complaints) process.stderr.write(`${one}\n`);
    if (result.requests < Number(requests))
      throw new Error(`Cannot call it complete: ${result.requests} of ${requests} requests were made`);
    if (complaints.length > 0)
      throw new Error(
        `Cannot call it good: ${result.wrongs} requests ended wrong, ${result.failures.length} workers failed, ${result.leftBehind.length} things were left behind`,
      );
  },
};

/** A terminal, or whoever limits the time, wants it to end. */
function onSignal(act: (name: string) => void): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, act);
  return () => {
    for (const signal of signals) process.off(signal, act);
  };
}

function summary({
  wrong,
  errors,
  faults,
  failures,
  leftBehind,
  ...figures
}: ChaosReport): Record<string, number> {
  return {
    ...figures,
    "workers failed": failures.length,
    "left behind": leftBehind.length,
    ...prefixed("error: ", errors),
    ...prefixed("fault: ", faults),
  };
}

function prefixed(prefix: string, counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [prefix + name, count]));
}
