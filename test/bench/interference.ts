/**
 * What prompts do to those who are being answered: the time between the tokens of eight streams, while long prompts
 * keep arriving and while none do, in a pair of workers with one core each and in one worker with both cores.
 */
import { execFileSync } from "node:child_process";
import { setPriority } from "node:os";
import { parseArgs } from "node:util";
import { Cluster, type ClusterOptions } from "../support/cluster.ts";
import { type Bench, type Measurement, percentile, summarize } from "./bench.ts";
import { completionArrivals } from "./stream-arrivals.ts";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";

const SHAPE = "smollm2-135m";
const STREAMS = 8;
const STREAM_PROMPT = 200;
const STREAM_TOKENS = 192;
const LONG_PROMPT = 1000;
const REPETITIONS = 2;

type Report = (measurement: Measurement) => void;

/** A cluster on two cores. */
interface Contender {
  readonly name: string;
  readonly cluster: Cluster;
}

export const bench: Bench = {
  question: `How much longer do ${STREAMS} streams wait for their next token while ${LONG_PROMPT}-token prompts keep arriving?`,
  notMeasured:
    "prompts that come several at once, a network, more workers; the router and the client share the prefill worker's core, and go first there",

  async run(report, args) {
    const { answers, ...format } = settingsOf(args);
    const pair = await start("disaggregated", format);
    pin(pair.cluster);
    const aggregated = await start("aggregated", format);
    try {
      for (const contender of [pair, aggregated]) await measure(contender, answers, report);
    } finally {
      await pair.cluster[Symbol.asyncDispose]();
      await aggregated.cluster[Symbol.asyncDispose]();
    }
  },
};

function settingsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      weights: { type: "string", default: "int8" },
      "kv-dtype": { type: "string", default: "fp32" },
      // Tokens that the prompts which arrive are answered with: with more than one they join the batch.
      answer: { type: "string", default: "1,16" },
    },
  });
  return {
    weights: values.weights,
    kvDtype: values["kv-dtype"],
    answers: values.answer.split(",").map(Number),
  };
}

async function start(
  mode: NonNullable<ClusterOptions["mode"]>,
  { weights, kvDtype }: { readonly weights: string; readonly kvDtype: string },
): Promise<Contender> {
  const threads = mode === "aggregated" ? "2" : "1";
  const cluster = await Cluster.start({
    mode,
    model: await synthModelFolder(SHAPE),
    routerArgs: ["--weights", weights, "--trace-store", "off"],
    workerArgs: [
      ...["--weights", weights, "--threads", threads, "--trace-store", "off"],
      ...["--kv-memory", `${2 ** 30}`],
    ],
    env: { BATON_CACHE: BENCH_CACHE, BATON_TRACE_LEVEL: "0", BATON_KV_DTYPE: kvDtype },
  });
  return { name: mode, cluster };
}

/** Decode has a core of its own; everybody else has the other one, where prefill takes what is left. */
function pin(cluster: Cluster): void {
  const cores = { "decode-0": 1, "prefill-0": 0, router: 0 } as const;
  for (const [name, core] of Object.entries(cores)) {
    const { pid } = cluster.process(name).child;
    execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", `${core}`, `${pid}`], { stdio: "ignore" });
  }
  setPriority(cluster.process("prefill-0").child.pid!, 10);
}

async function measure(
  { name, cluster }: Contender,
  answers: readonly number[],
  report: Report,
): Promise<void> {
  const quiet: number[] = [];
  const busy = answers.map((answer) => ({
    answer,
    gaps: [] as number[],
    ratios: [] as number[],
    prompts: 0,
  }));
  await streamGaps(cluster); // Warms up.
  for (let turn = 0; turn < REPETITIONS; turn++) {
    const without = await streamGaps(cluster);
    quiet.push(...without);
    for (const one of busy) {
      const arriving = keepArriving(cluster, one.answer);
      const gaps = await streamGaps(cluster);
      one.prompts += await arriving.stop();
      one.gaps.push(...gaps);
      one.ratios.push(percentile(gaps, 99) / percentile(without, 99));
    }
  }
  const times = (of: string, gaps: readonly number[]) => {
    for (const p of [50, 99]) {
      const row = { case: of, contender: name, metric: `between tokens, p${p}` };
      report({ ...row, value: percentile(gaps, p), unit: "ms" });
    }
  };
  times("no prompts arriving", quiet);
  for (const { answer, gaps, ratios, prompts } of busy) {
    const row = { case: `prompts arriving, answered with ${answer}`, contender: name };
    times(row.case, gaps);
    report({ ...row, metric: "p99 over p99 without", ...summarize(ratios), unit: "x" });
    report({ ...row, metric: "prompts prefilled", value: prompts, unit: "prompts" });
  }
}

/** Ms between the tokens of each stream, while all of them are written. */
async function streamGaps(cluster: Cluster): Promise<readonly number[]> {
  const startedAt = performance.now();
  const arrivals = await Promise.all(
    Array.from({ length: STREAMS }, () => complete(cluster, STREAM_PROMPT, STREAM_TOKENS, startedAt)),
  );
  const begin = Math.max(...arrivals.map((times) => times[0]!));
  const end = Math.min(...arrivals.map((times) => times.at(-1)!));
  return arrivals.flatMap((times) => {
    const together = times.filter((time) => time >= begin && time <= end);
    return together.slice(1).map((time, i) => time - together[i]!);
  });
}

/** One prompt after the other, each answered, until it is told to stop; then says how many there were. */
function keepArriving(cluster: Cluster, answer: number): { readonly stop: () => Promise<number> } {
  let stopped = false;
  const run = async () => {
    let count = 0;
    for (; !stopped; count++) await complete(cluster, LONG_PROMPT, answer, performance.now());
    return count;
  };
  const running = run();
  return {
    stop: () => {
      stopped = true;
      return running;
    },
  };
}

let requests = 0;

/** A prompt that no other begins like: the tokens of the synthetic model are bytes. */
function complete(cluster: Cluster, tokens: number, maxTokens: number, startedAt: number) {
  const prompt = `${++requests} `.padEnd(tokens, "a long story ");
  const options = { temperature: 0, ignore_eos: true, stream: true, logprobs: 0 };
  const body = { model: SHAPE, prompt, max_tokens: maxTokens, ...options };
  return completionArrivals(cluster.url, body, startedAt);
}
