/**
 * Plays a trace in Mooncake's format on simulated workers, once per policy: what is each policy worth?
 *
 *     npm run bench -- replay --trace FILE [--prefill 8] [--decode 8] [--pace 1] [--policies kv,round_robin]
 *                             [--capacity 2000,8000] [--requests N] [--slo-ttft-ms 2000] [--slo-itl-ms 50]
 *                             [--real]
 *
 * With --real the requests are played on processes as well, with every length divided by 32, beside a simulation of the
 * same: to be used on some hundreds of requests.
 */
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { POLICY_NAMES, type PolicyName } from "@baton/routing";
import type { Bench, Measurement } from "./bench.ts";
import { readTrace, shrunk, type TraceRequest } from "./replay/mooncake-trace.ts";
import { playSlice } from "./replay/real-slice.ts";
import { globalCacheHitRate } from "./replay/reference-caches.ts";
import { type SimOptions, type SimReport, simulate } from "./replay/sim-cluster.ts";

type Report = (measurement: Measurement) => void;

export const bench: Bench = {
  question:
    "Of a trace's prompts, how much does each routing policy find in the caches, and what does that do to latency? (simulated time; real routing, schedulers and prefix caches)",
  notMeasured:
    "what HTTP, gRPC and the transfer of KV take (0 ms here), real models: steps take what the mock's timing model says",

  async run(report, args) {
    const options = readOptions(args);
    const requests = await readTrace(options.trace, options.requests);
    const trace = basename(options.trace).replace(/_trace\.jsonl$/, "");
    const what = `${trace} ×${options.pace}`;
    reportHitRate(report, what, "one infinite cache", globalCacheHitRate(requests));
    const kvBlocks = distinctBlocks(requests) + longestPrompt(requests);
    if (options.real)
      return reportSlice(report, what, requests, { ...options, kvBlocks: Math.min(kvBlocks, REAL_BLOCKS) });
    for (const policy of options.policies) {
      reportAll(report, what, policy, simulate(requests, { ...options, policy, kvBlocks }));
    }
    for (const capacity of options.capacities) {
      const limited = `${what}, ${capacity} blocks each`;
      const total = capacity * options.prefillWorkers;
      reportHitRate(report, limited, `one LRU of ${total}`, globalCacheHitRate(requests, total));
      for (const policy of options.policies) {
        reportAll(report, limited, policy, simulate(requests, { ...options, policy, kvBlocks: capacity }));
      }
    }
  },
};

/** On processes and beside them in the simulation: 128 MiB of KV where a token has 8 bytes. */
const REAL_BLOCKS = 2 ** 20;

/** Processes and simulation, by turns. */
async function reportSlice(
  report: Report,
  what: string,
  requests: readonly TraceRequest[],
  options: ReplayOptions & { readonly kvBlocks: number },
): Promise<void> {
  const short = requests.map(shrunk);
  for (const policy of options.policies) {
    const say = (contender: string, run: Pick<SimReport, "hitRate" | "firstTokenMs">) => {
      reportHitRate(report, `${what} ÷32`, `${policy}, ${contender}`, run.hitRate);
      const { mean } = run.firstTokenMs;
      report({
        case: `${what} ÷32`,
        contender: `${policy}, ${contender}`,
        metric: "TTFT mean",
        value: mean,
        unit: "ms",
      });
    };
    say("simulated", simulate(short, { ...options, policy, tokenScale: 1 }));
    say("processes", await playSlice(short, { ...options, policy }));
  }
}

interface ReplayOptions extends Omit<SimOptions, "policy" | "kvBlocks"> {
  readonly real: boolean;
  readonly trace: string;
  readonly requests: number;
  readonly policies: readonly PolicyName[];
  /** Blocks on each worker. */
  readonly capacities: readonly number[];
}

function readOptions(args: readonly string[]): ReplayOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      trace: { type: "string" },
      prefill: { type: "string", default: "8" },
      decode: { type: "string", default: "8" },
      pace: { type: "string", default: "1" },
      policies: { type: "string", default: POLICY_NAMES.join() },
      capacity: { type: "string", default: "" },
      requests: { type: "string", default: "Infinity" },
      "slo-ttft-ms": { type: "string", default: "2000" },
      "slo-itl-ms": { type: "string", default: "50" },
      real: { type: "boolean", default: false },
    },
  });
  if (values.trace === undefined) throw new Error('Cannot replay: expected "--trace FILE"');
  return {
    real: values.real,
    trace: values.trace,
    prefillWorkers: positive(values.prefill),
    decodeWorkers: positive(values.decode),
    pace: positive(values.pace),
    requests: positive(values.requests),
    policies: values.policies.split(",").map(policyName),
    capacities: values.capacity === "" ? [] : values.capacity.split(",").map(positive),
    serviceLevel: {
      firstTokenMs: positive(values["slo-ttft-ms"]),
      perTokenMs: positive(values["slo-itl-ms"]),
    },
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`Cannot read "${text}": expected a number above 0`);
  return value;
}

function policyName(text: string): PolicyName {
  const name = POLICY_NAMES.find((known) => known === text);
  if (!name) throw new Error(`Cannot use the policy "${text}": expected one of ${POLICY_NAMES.join(", ")}`);
  return name;
}

/** As many blocks as there can be use for. */
function distinctBlocks(requests: readonly TraceRequest[]): number {
  return new Set(requests.flatMap(({ hashIds }) => hashIds)).size;
}

/** Blocks of the requests that run: what they hold is not shared until it is computed. */
function longestPrompt(requests: readonly TraceRequest[]): number {
  return 1024 * Math.max(...requests.map(({ hashIds }) => hashIds.length));
}

function reportHitRate(report: Report, what: string, contender: string, rate: number): void {
  report({ case: what, contender, metric: "block hit rate", value: 100 * rate, unit: "%" });
}

function reportAll(report: Report, what: string, policy: PolicyName, run: SimReport): void {
  const say = (metric: string, value: number, unit: string) =>
    report({ case: what, contender: policy, metric, value, unit });
  reportHitRate(report, what, policy, run.hitRate);
  say("TTFT mean", run.firstTokenMs.mean, "ms");
  for (const p of [50, 90, 99]) say(`TTFT p${p}`, run.firstTokenMs.percentile(p), "ms");
  for (const p of [50, 99]) say(`ITL p${p}`, run.betweenTokensMs.percentile(p), "ms");
  say("good answers", 100 * run.goodShare, "%");
  say("goodput", run.goodput, "requests/s");
  say("prefill imbalance", run.prefillImbalance, "max/mean");
  say("decode imbalance", run.decodeImbalance, "max/mean");
}
