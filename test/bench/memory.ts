/** Whether the memory of the processes grows with the requests that they served, and whether its peak can be predicted. */
import { parseArgs } from "node:util";
import { type PageDtype, pageBytesPerToken, type WorkerRole } from "@baton/core";
import { prepareModel, SYNTH_SHAPES, type WeightFormat } from "@baton/model";
import { Cluster } from "../support/cluster.ts";
import { type Bench, type Measurement, percentile } from "./bench.ts";
import { kvLayoutOf, predictedPeakBytes, type WorkerSize } from "./memory-formula.ts";
import { residentBytes } from "./process-memory.ts";
import { completionArrivals } from "./stream-arrivals.ts";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";

const REQUESTS = 10_000;
const CONCURRENCY = 32;
/** Of the small model's prompts and answers, in tokens. */
const LONGEST = { prompt: 500, answer: 24 } as const;
/** Resident memory is the median of what was seen in one of these parts of all requests. */
const PARTS = 10;
/** The first parts fill caches and let heaps grow to the size at which they are collected. */
const WARM_PARTS = 5;
const KV_MEMORY = 64 * 2 ** 20;

const SHAPE = "smollm2-135m";
/** Often enough that every block was used. */
const PEAK_ROUNDS = 3;
const PEAK_PROMPT = 1100;
const PEAK_ANSWER = 100;
const MB = 1e6;

type Report = (measurement: Measurement) => void;

export const bench: Bench = {
  question:
    "Does memory grow over 10,000 requests, and is the peak of each role what the engine's design says?",
  notMeasured: "memory of other allocators and platforms, traces (they are off), several days",

  async run(report, args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        requests: { type: "string", default: `${REQUESTS}` },
        weights: { type: "string", default: "int8" },
        "kv-dtype": { type: "string", default: "fp32" },
        // MiB
        "kv-memory": { type: "string", default: "1024" },
      },
    });
    if (Number(values.requests) > 0) await growth(Number(values.requests), report);
    for (const weights of values.weights.split(",") as WeightFormat[]) {
      for (const pageDtype of values["kv-dtype"].split(",") as PageDtype[]) {
        for (const kvMemory of values["kv-memory"].split(",").map((size) => Number(size) * 2 ** 20)) {
          await peaks("disaggregated", { weights, pageDtype, kvMemory }, report);
          await peaks("aggregated", { weights, pageDtype, kvMemory }, report);
        }
      }
    }
  },
};

/** What a worker's memory is filled with. */
type Sizes = Pick<WorkerSize, "weights" | "kvMemory"> & { readonly pageDtype: PageDtype };

async function growth(requests: number, report: Report): Promise<void> {
  await using cluster = await Cluster.start({
    routerArgs: ["--trace-store", "off"],
    workerArgs: ["--kv-memory", `${KV_MEMORY}`, "--trace-store", "off"],
    env: { BATON_TRACE_LEVEL: "0" },
  });
  const names = ["router", ...cluster.workers];
  const samples = new Map(names.map((name) => [name, Array.from({ length: PARTS }, () => [] as number[])]));
  let sent = 0;
  const sample = () => {
    const part = Math.min(PARTS - 1, Math.floor((PARTS * sent) / requests));
    for (const name of names) samples.get(name)![part]!.push(residentBytes(pidOf(cluster, name)).now);
  };
  const timer = setInterval(sample, 200);
  const client = async () => {
    while (sent < requests) {
      const number = sent++;
      await complete(cluster, "babble", number, {
        prompt: 1 + ((number * 7919) % LONGEST.prompt),
        answer: 1 + ((number * 104_729) % LONGEST.answer),
      });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  clearInterval(timer);
  sample();
  for (const [name, parts] of samples) {
    const row = { case: `${requests} requests`, contender: name };
    const medians = parts.map((part) => percentile(part, 50) / MB);
    for (const part of [1, 3, 5, 7, 9]) {
      const after = Math.round(((part + 1) * requests) / PARTS);
      report({ ...row, metric: `resident after ${after}`, value: medians[part]!, unit: "MB" });
    }
    const perPart = slope(medians.slice(WARM_PARTS));
    const value = (perPart * PARTS * 1000) / requests;
    report({ ...row, metric: "growth in the last half", value, unit: "MB per 1,000 requests" });
  }
}

/** Of the straight line that fits values at 0, 1, 2 … best. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const dot = values.reduce((sum, value, at) => sum + value * (at - middle), 0);
  return dot / values.reduce((sum, _, at) => sum + (at - middle) ** 2, 0);
}

/** Fills the KV memory of every role, and compares its process's peak with the formula. */
async function peaks(
  mode: "disaggregated" | "aggregated",
  { weights, pageDtype, kvMemory }: Sizes,
  report: Report,
): Promise<void> {
  const folder = await synthModelFolder(SHAPE);
  const sequences = fittingSequences(pageDtype, kvMemory);
  await prepareModel(folder, { cacheFolder: BENCH_CACHE, weights }); // Compiling has a peak of its own.
  await using cluster = await Cluster.start({
    mode,
    model: folder,
    routerArgs: ["--weights", weights, "--trace-store", "off"],
    workerArgs: ["--weights", weights, "--kv-memory", `${kvMemory}`, "--trace-store", "off"],
    env: {
      BATON_CACHE: BENCH_CACHE,
      BATON_TRACE_LEVEL: "0",
      BATON_KV_DTYPE: pageDtype,
      BATON_MAX_RUNNING: `${sequences}`,
    },
  });
  const lengths = { prompt: PEAK_PROMPT, answer: PEAK_ANSWER };
  for (let round = 0; round < PEAK_ROUNDS; round++) {
    const numbers = Array.from({ length: sequences }, (_, i) => round * sequences + i);
    await Promise.all(numbers.map((number) => complete(cluster, SHAPE, number, lengths)));
  }
  for (const name of cluster.workers) {
    const role: WorkerRole =
      mode === "aggregated" ? "aggregated" : name.startsWith("prefill") ? "prefill" : "decode";
    const config = SYNTH_SHAPES[SHAPE];
    const predicted = predictedPeakBytes({
      role,
      weights,
      config,
      kvMemory,
      longestPrompt: PEAK_PROMPT,
    });
    const { peak } = residentBytes(pidOf(cluster, name));
    const row = { case: `peak, ${weights}, kv ${pageDtype}, ${kvMemory / 2 ** 20} MiB`, contender: role };
    report({ ...row, metric: "resident", value: peak / MB, unit: "MB" });
    report({ ...row, metric: "predicted", value: predicted / MB, unit: "MB" });
    report({ ...row, metric: "off by", value: 100 * (predicted / peak - 1), unit: "%" });
  }
}

/** Nearly as many as the pages of a worker that decodes have room for at once. */
function fittingSequences(pageDtype: PageDtype, kvMemory: number): number {
  const tokens = kvMemory / 2 / pageBytesPerToken(kvLayoutOf(SYNTH_SHAPES[SHAPE]), pageDtype);
  return Math.floor(tokens / (PEAK_PROMPT + PEAK_ANSWER + 64));
}

function pidOf(cluster: Cluster, name: string): number {
  return cluster.process(name).child.pid!;
}

/** A prompt that no other begins like: the tokens of both models are bytes. */
async function complete(
  cluster: Cluster,
  model: string,
  number: number,
  tokens: { readonly prompt: number; readonly answer: number },
): Promise<void> {
  const prompt = `${number} `.padEnd(tokens.prompt, "a long story ");
  const options = { temperature: 0, ignore_eos: true, stream: true };
  const body = { model, prompt, max_tokens: tokens.answer, ...options };
  await completionArrivals(cluster.url, body, performance.now());
}
