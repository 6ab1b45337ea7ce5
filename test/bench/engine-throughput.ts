/**
 * How fast the engine computes, through scheduler, threads and sampling, in the shape of a real model; with `--peers`
 * beside what a Node user would pick otherwise, and with `--http` end to end.
 */
import { parseArgs } from "node:util";
import type { PageDtype } from "@baton/core";
import { SYNTH_SHAPES, type WeightFormat } from "@baton/model";
import { type Bench, type Measurement, percentile, summarize } from "./bench.ts";
import {
  type Arrivals,
  type BatonFormat,
  baton,
  type Contender,
  type ContenderOptions,
  llamaPeer,
  type Shape,
  transformersPeer,
} from "./contenders.ts";
import { readBandwidth } from "./memory-bandwidth.ts";
import { installPeers } from "./peers/peer-process.ts";
import { freshPrompt } from "./synthetic-engine.ts";

/** Tokens of each answer that are measured, after the last sequence has begun. */
const MEASURED = 40;
/** Of a prompt; the engine's own chunk. */
const CHUNK = 256;

type Report = (measurement: Measurement) => void;

interface Settings extends ContenderOptions {
  readonly peers: boolean;
  readonly formats: readonly BatonFormat[];
  /** Sequences at once; tokens that each has, about; prompt lengths whose prefill is timed. */
  readonly batches: readonly number[];
  readonly contexts: readonly number[];
  readonly prefills: readonly number[];
  readonly mixed: boolean;
  readonly repeat: number;
}

export const bench: Bench = {
  question:
    "How many tokens per second are prefilled and decoded with equal threads, and how far is that from memory speed?",
  notMeasured:
    "a trained model's answers (weights are random; `baton model quality` measures what a format costs), networks, other machines' caches",

  async run(report, args) {
    const settings = settingsOf(args);
    const bandwidth = readBandwidth();
    report({ case: "one core", contender: "memory", metric: "read", ...bandwidth, unit: "GB/s" });
    const contenders = await startAll(settings);
    try {
      for (const tokens of settings.prefills) await prefillCase(contenders, tokens, settings, report);
      for (const context of settings.contexts) {
        for (const batch of settings.batches) {
          const lengths = Array.from({ length: batch }, () => context);
          const name = `decode, ${batch} × ${context} tokens`;
          await decodeCase(contenders, { name, lengths, bandwidth: bandwidth.value }, settings, report);
        }
      }
      if (settings.mixed) {
        const lengths = Array.from({ length: 16 }, (_, i) => (i === 0 ? 4096 : 256));
        const name = "decode, 15 × 256 + 1 × 4096 tokens";
        await decodeCase(contenders, { name, lengths, bandwidth: bandwidth.value }, settings, report);
      }
    } finally {
      for (const contender of contenders) await contender.close();
    }
  },
};

function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peers: { type: "boolean", default: false },
      http: { type: "boolean", default: false },
      mixed: { type: "boolean", default: false },
      shape: { type: "string", default: "smollm2-135m" },
      weights: { type: "string" },
      "kv-dtype": { type: "string", default: "fp32,int8" },
      threads: { type: "string", default: "1" },
      batches: { type: "string", default: "1,16" },
      contexts: { type: "string", default: "600" },
      prefill: { type: "string", default: "512" },
      repeat: { type: "string", default: "3" },
    },
  });
  if (!Object.hasOwn(SYNTH_SHAPES, values.shape)) {
    const shapes = Object.keys(SYNTH_SHAPES).join(", ");
    throw new Error(`Cannot measure the shape "${values.shape}": expected one of ${shapes}`);
  }
  const { peers, http, mixed } = values;
  const numbers = (list: string) => (list === "" ? [] : list.split(",").map(Number));
  const batches = numbers(values.batches);
  const contexts = numbers(values.contexts);
  const prefills = numbers(values.prefill);
  const weights = (values.weights ?? (peers ? "int4,int8" : "fp32,int8,int4")).split(",") as WeightFormat[];
  const pageDtypes = values["kv-dtype"].split(",") as PageDtype[];
  const longest = Math.max(...contexts, ...prefills, mixed ? 4096 : 0);
  return {
    ...{ peers, http, mixed, batches, contexts, prefills },
    shape: values.shape as Shape,
    formats: weights.flatMap((format) => pageDtypes.map((pageDtype) => ({ weights: format, pageDtype }))),
    threads: Number(values.threads),
    repeat: Number(values.repeat),
    sequences: Math.max(...batches, mixed ? 16 : 1),
    contextTokens: longest + MEASURED + answerTokens(Math.max(...batches), longest),
  };
}

async function startAll(settings: Settings): Promise<readonly Contender[]> {
  const contenders: Contender[] = [];
  for (const format of settings.formats) contenders.push(await baton(format, settings));
  if (settings.peers) {
    installPeers();
    for (const format of ["Q4_0", "Q8_0"] as const) contenders.push(await llamaPeer(format, settings));
    contenders.push(await transformersPeer(false, settings));
    if (settings.sequences > 1) contenders.push(await transformersPeer(true, settings));
  }
  return contenders;
}

/** From a prompt to its first token, alone. */
async function prefillCase(
  contenders: readonly Contender[],
  tokens: number,
  settings: Settings,
  report: Report,
): Promise<void> {
  const rates = await alternately(contenders, settings.repeat, async (contender) => {
    const [arrivals] = await contender.run([prompt(tokens, settings)], 1);
    return (1000 * tokens) / arrivals![0]!;
  });
  const row = { case: `prefill, 1 × ${tokens} tokens`, metric: "tokens/s", unit: "tokens/s" };
  for (const [contender, samples] of rates)
    report({ ...row, contender: contender.name, ...summarize(samples) });
}

interface DecodeCase {
  readonly name: string;
  /** Tokens of each sequence, about, while it is measured. */
  readonly lengths: readonly number[];
  /** GB/s */
  readonly bandwidth: number;
}

/** Tokens of all sequences together, while all of them decode. */
async function decodeCase(
  contenders: readonly Contender[],
  { name, lengths, bandwidth }: DecodeCase,
  settings: Settings,
  report: Report,
): Promise<void> {
  const maxTokens = answerTokens(lengths.length, Math.max(...lengths));
  const rates = await alternately(contenders, settings.repeat, async (contender) => {
    const prompts = lengths.map((length) => prompt(Math.max(1, length - MEASURED / 2), settings));
    await contender.prefill?.(prompts);
    return rateOfAll(await contender.run(prompts, maxTokens));
  });
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  for (const [{ name: contender, reads }, samples] of rates) {
    report({ case: name, contender, metric: "all sequences", ...summarize(samples), unit: "tokens/s" });
    const bytes = reads.weightBytes + tokens * reads.kvBytesPerToken;
    const limit = (lengths.length * bandwidth * 1e9) / bytes;
    const share = (100 * percentile(samples, 50)) / limit;
    report({ case: name, contender, metric: "share of memory speed", value: share, unit: "%" });
  }
}

function prompt(tokens: number, { shape }: Settings): readonly number[] {
  return freshPrompt(tokens, SYNTH_SHAPES[shape].vocabSize);
}

/** Those that begin first write on until the last one has begun, and all of them are then measured. */
function answerTokens(batch: number, tokens: number): number {
  return MEASURED + batch * Math.ceil((tokens + MEASURED) / CHUNK);
}

/** Tokens per second between the last first token and the first last one, or, where they never all decode, while any does. */
function rateOfAll(arrivals: Arrivals): number {
  const begin = Math.max(...arrivals.map((times) => times[0]!));
  const end = Math.min(...arrivals.map((times) => times.at(-1)!));
  if (begin >= end) {
    return (1000 * (arrivals.flat().length - arrivals.length)) / decodingMs(arrivals);
  }
  const counted = arrivals.flat().filter((time) => time > begin && time <= end).length;
  return (1000 * counted) / (end - begin);
}

/** Time during which any sequence decodes, in ms. */
function decodingMs(arrivals: Arrivals): number {
  let sum = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const times of arrivals.toSorted((a, b) => a[0]! - b[0]!)) {
    const [begin, end] = [times[0]!, times.at(-1)!];
    sum += Math.max(0, end - Math.max(begin, until));
    until = Math.max(until, end);
  }
  return sum;
}

/** Contenders take turns, so that a machine that slows down slows all of them. The first turn warms up. */
async function alternately(
  contenders: readonly Contender[],
  repeat: number,
  measure: (contender: Contender) => Promise<number>,
): Promise<ReadonlyMap<Contender, readonly number[]>> {
  const samples = new Map(contenders.map((contender) => [contender, [] as number[]]));
  for (let turn = 0; turn < repeat; turn++) {
    for (const contender of contenders) samples.get(contender)!.push(await measure(contender));
  }
  return samples;
}
