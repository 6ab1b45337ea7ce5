/** Who computes tokens in the engine's bench, all behind one interface: our engine, the peers, and HTTP in front of both. */
import { type PageDtype, pageBytesPerToken } from "@baton/core";
import { prepareModel, SYNTH_SHAPES, type WeightFormat } from "@baton/model";
import { Cluster } from "../support/cluster.ts";
import { kvLayoutOf } from "./memory-formula.ts";
import type { GgufFormat } from "./peers/gguf-file.ts";
import { exportedModel, ggufModel } from "./peers/peer-models.ts";
import { type PeerOptions, PeerProcess } from "./peers/peer-process.ts";
import { completionArrivals } from "./stream-arrivals.ts";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";
import { answerArrivals, startEngine } from "./synthetic-engine.ts";

export type Shape = keyof typeof SYNTH_SHAPES;

/** For each sequence, when each of its tokens was there: ms from the start, at which all were handed over. */
export type Arrivals = readonly (readonly number[])[];

/** Computes answers. */
export interface Contender {
  readonly name: string;
  /** What one decode step reads at least: the weights once, and the KV of each token of each sequence. */
  readonly reads: { readonly weightBytes: number; readonly kvBytesPerToken: number };
  /** Computes prompts whose answers are to be measured while all are written: where others would be long done by then. */
  prefill?(prompts: readonly (readonly number[])[]): Promise<unknown>;
  /** Answers all prompts at once, each with so many tokens. */
  run(prompts: readonly (readonly number[])[], maxTokens: number): Promise<Arrivals>;
  close(): Promise<void>;
}

export interface ContenderOptions {
  readonly shape: Shape;
  readonly threads: number;
  /** Most sequences at once, and most tokens of one. */
  readonly sequences: number;
  readonly contextTokens: number;
  /** One HTTP request for each sequence: Baton as a cluster, peers behind a minimal server. */
  readonly http: boolean;
}

/** How Baton keeps weights, and the KV of running sequences. */
export interface BatonFormat {
  readonly weights: WeightFormat;
  readonly pageDtype: PageDtype;
}

/** Baton in one format. */
export function baton(format: BatonFormat, options: ContenderOptions): Promise<Contender> {
  return options.http ? batonCluster(format, options) : batonEngine(format, options);
}

function batonNamed({ weights, pageDtype }: BatonFormat, shape: Shape): Pick<Contender, "name" | "reads"> {
  const kv = pageDtype === "fp32" ? "" : `, kv ${pageDtype}`;
  const kvBytesPerToken = pageBytesPerToken(kvLayoutOf(SYNTH_SHAPES[shape]), pageDtype);
  return { name: `baton ${weights}${kv}`, reads: reads(shape, BITS[weights], kvBytesPerToken) };
}

/** The engine in this process: scheduler, engine thread, sampling. */
async function batonEngine(format: BatonFormat, options: ContenderOptions): Promise<Contender> {
  const { shape, threads, sequences, contextTokens } = options;
  const { weights, pageDtype } = format;
  const model = await prepareModel(await synthModelFolder(shape), { cacheFolder: BENCH_CACHE, weights });
  const engine = await startEngine({
    model,
    pageDtype,
    threads,
    maxRunning: sequences,
    chunkTokens: 256,
    kvTokens: sequences * (contextTokens + 256),
  });
  return {
    ...batonNamed(format, shape),
    run: (prompts, maxTokens) =>
      Promise.all(prompts.map((prompt) => answerArrivals(engine, prompt, { maxTokens }))),
    close: () => engine.close(),
  };
}

/** node-llama-cpp in a process of its own. */
export async function llamaPeer(format: GgufFormat, options: ContenderOptions): Promise<Contender> {
  const model = await ggufModel(options.shape, format);
  const name = `node-llama-cpp ${format}`;
  return peer(
    name,
    reads(options.shape, BITS[format], fp32KvBytes(options.shape) / 2),
    { kind: "llama", model },
    options,
  );
}

/**
 * transformers.js in a process of its own, with the weights of our int4 format. One request after the other, of which
 * two tell as much as many; or as one padded batch.
 */
export async function transformersPeer(batches: boolean, options: ContenderOptions): Promise<Contender> {
  const model = await exportedModel(options.shape);
  const kind = batches ? "transformers-batches" : "transformers";
  const name = batches ? "transformers.js int4, one batch" : "transformers.js int4";
  const contender = await peer(
    name,
    reads(options.shape, BITS.int4, fp32KvBytes(options.shape)),
    { kind, model },
    options,
  );
  return batches
    ? contender
    : { ...contender, run: (prompts, maxTokens) => contender.run(prompts.slice(0, 2), maxTokens) };
}

async function peer(
  name: string,
  bytes: Contender["reads"],
  what: Pick<PeerOptions, "kind" | "model">,
  options: ContenderOptions,
): Promise<Contender> {
  const process = await PeerProcess.start({ ...options, ...what });
  const together: Contender["run"] = async (prompts, maxTokens) => {
    const body = JSON.stringify({ prompts, maxTokens });
    const response = await fetch(`${process.url}/run`, { method: "POST", body });
    return ((await response.json()) as { arrivals: Arrivals }).arrivals;
  };
  const overHttp: Contender["run"] = (prompts, maxTokens) =>
    streams(process.url, prompts, (prompt) => ({ prompt, max_tokens: maxTokens }));
  return {
    name,
    reads: bytes,
    run: options.http ? overHttp : together,
    close: () => process.close(),
  };
}

/** A whole cluster: router, and a prefill and a decode worker with so many threads each. */
async function batonCluster(format: BatonFormat, options: ContenderOptions): Promise<Contender> {
  const { shape, threads, sequences } = options;
  const { weights, pageDtype } = format;
  const cluster = await Cluster.start({
    model: await synthModelFolder(shape),
    routerArgs: ["--weights", weights, "--trace-store", "off"],
    workerArgs: [
      ...["--weights", weights, "--threads", `${threads}`, "--max-running", `${sequences}`],
      ...["--kv-memory", `${2 * 2 ** 30}`, "--trace-store", "off"],
    ],
    env: { BATON_CACHE: BENCH_CACHE, BATON_TRACE_LEVEL: "0", BATON_KV_DTYPE: pageDtype },
  });
  const run: Contender["run"] = (prompts, maxTokens) =>
    streams(cluster.url, prompts, (prompt) => ({
      model: shape,
      prompt,
      max_tokens: maxTokens,
      temperature: 0,
      ignore_eos: true,
      stream: true,
    }));
  return {
    ...batonNamed(format, shape),
    prefill: (prompts) => run(prompts, 1),
    run,
    close: () => cluster[Symbol.asyncDispose](),
  };
}

function streams(
  url: string,
  prompts: readonly (readonly number[])[],
  body: (prompt: readonly number[]) => object,
): Promise<Arrivals> {
  const startedAt = performance.now();
  return Promise.all(prompts.map((prompt) => completionArrivals(url, body(prompt), startedAt)));
}

/** Bits that a weight takes, scales included. */
const BITS = { fp32: 32, int8: 8, int4: 4.5, Q4_0: 4.5, Q8_0: 8.5 } as const;

/** The embedding is only gathered from, but tied to the output projection, which is read. */
function reads(shape: Shape, bitsPerWeight: number, kvBytesPerToken: number): Contender["reads"] {
  const { vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize } = SYNTH_SHAPES[shape];
  const attention = 2 * heads * headDim + 2 * kvHeads * headDim;
  const parameters = layers * hiddenSize * (attention + 3 * intermediateSize) + vocabSize * hiddenSize;
  return { weightBytes: (parameters * bitsPerWeight) / 8, kvBytesPerToken };
}

/** Of one token's KV in float32. */
function fp32KvBytes(shape: Shape): number {
  return pageBytesPerToken(kvLayoutOf(SYNTH_SHAPES[shape]), "fp32");
}
