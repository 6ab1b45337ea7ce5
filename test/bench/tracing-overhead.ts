/**
 * What tracing costs a whole cluster: the same load at each level, against level 0 of the same processes.
 *
 * Spans go over OTLP to a receiver that throws them away. A block is one wave of requests for each level, in an order
 * drawn for it; differences are taken block by block, because the machine's speed drifts by more than what is looked
 * for. Processor time is the sharper figure: waiting for a processor that others use does not count.
 *
 * Rejected: a second cluster, started with level 0, as the baseline. Two processes with the same work differ by more
 * (some 5 %, by where their memory lies) than tracing costs.
 */
import { silentLogger } from "@baton/core";
import { BABBLE_MODEL } from "@baton/model/testing";
import { createRpcServer } from "@baton/rpc";
import { Cluster, type ClusterOptions } from "../support/cluster.ts";
import { randomFrom } from "../support/random.ts";
import { type Bench, type Measurement, percentile, summarize } from "./bench.ts";
import { absolute, inPercent, pairedChange } from "./paired-bootstrap.ts";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";
import { EXPORT_DELAY_MS, type Load, playWave, type Wave } from "./tracing-load.ts";

const SHAPE = "smollm2-135m";
const LEVELS = [0, 1, 2, 3];
const WARM_UP_BLOCKS = 2;

export const bench: Bench = {
  question: `What do levels 1, 2 and 3 add to latency, and take from throughput, of a cluster that serves ${SHAPE} in int4 (--trace-store off)? And what of processor time to a request, seen beside a model that costs next to nothing?`,
  notMeasured:
    "the router's own trace store (off here), modules other than request, a collector on another machine, a GPU, and what a loaded exporter costs at level 0",

  async run(report, [blocks = "60", concurrency = "4", only = "both"]) {
    const load: Load = { model: SHAPE, concurrency: count(concurrency), promptLength: 128, tokens: 32 };
    await using sink = await startSink();
    if (only !== "tiny") {
      const env = { BATON_CACHE: BENCH_CACHE, BATON_WEIGHTS: "int4" };
      await measure(load, { model: await synthModelFolder(SHAPE), env });
    }
    if (only !== "real") await measure({ ...load, model: BABBLE_MODEL }, {});

    async function measure(ofModel: Load, options: ClusterOptions): Promise<void> {
      const otlp = { endpoint: sink.endpoint, protocol: "grpc" } as const;
      const env = {
        ...options.env,
        BATON_TRACE_STORE: "off",
        BATON_OTLP_EXPORTER_SCHEDULE_DELAY_MILLIS: String(EXPORT_DELAY_MS), // The default; other tests shorten it.
      };
      await using cluster = await Cluster.start({ ...options, otlp, env });
      const played = await playAll(cluster, ofModel, count(blocks));
      for (const measurement of compare(played, ofModel)) report(measurement);
    }
  },
};

function count(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`Cannot read "${text}": expected a whole number from 1`);
  return Number(text);
}

/** An OTLP receiver that looks at nothing, so that the bench's own process takes little of the machine. */
async function startSink() {
  const server = createRpcServer({ logger: silentLogger });
  server.addTraceReceiver(() => {});
  const { port } = await server.listen("127.0.0.1", 0);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server.shutdown(0),
  };
}

async function setLevel(cluster: Cluster, level: number): Promise<void> {
  const response = await fetch(`${cluster.url}/trace/level`, {
    method: "PUT",
    body: JSON.stringify({ level }),
  });
  if (response.status !== 200) throw new Error(`Cannot set level ${level}: got ${await response.text()}`);
}

/** The waves of each level, block by block, after two blocks to warm up. */
async function playAll(cluster: Cluster, load: Load, blocks: number): Promise<readonly (readonly Wave[])[]> {
  const random = randomFrom(1);
  const played: Wave[][] = LEVELS.map(() => []);
  let number = 0;
  for (let block = -WARM_UP_BLOCKS; block < blocks; block++) {
    for (const level of inRandomOrder(LEVELS, random)) {
      await setLevel(cluster, level);
      const wave = await playWave(cluster, load, number++);
      if (block >= 0) played[level]!.push(wave);
    }
  }
  return played;
}

function inRandomOrder<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

type Figure = (waves: readonly Wave[]) => number;
const FIGURES: readonly {
  readonly metric: string;
  readonly change: string;
  readonly unit: string;
  readonly of: Figure;
}[] = [
  { metric: "latency p50", change: "latency p50 added", unit: "ms", of: latency(50) },
  { metric: "latency p99", change: "latency p99 added", unit: "ms", of: latency(99) },
  {
    metric: "throughput",
    change: "throughput added",
    unit: "tokens/s",
    of: (waves) => mean(waves.map(({ tokensPerSecond }) => tokensPerSecond)),
  },
];

function latency(p: number): Figure {
  return (waves) =>
    percentile(
      waves.flatMap(({ latencies }) => latencies),
      p,
    );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Figures of each level, and how each differs from level 0 with half its 95 % interval. */
function* compare(
  played: readonly (readonly Wave[])[],
  { model, concurrency, tokens }: Load,
): Generator<Measurement> {
  const what = `${model}, ${played[0]!.length} waves of ${concurrency} × ${tokens} tokens`;
  const perRequest: Figure = (waves) => mean(waves.map(({ processorMs }) => processorMs / concurrency));
  for (const [level, waves] of played.entries()) {
    const contender = `level ${level}`;
    const unit = "ms/request";
    yield { case: what, contender, metric: "processor time", ...ofWaves(waves, perRequest), unit };
    if (level > 0) {
      const added = { case: what, contender, metric: "processor time added" };
      yield { ...added, ...pairedChange(played[0]!, waves, perRequest, absolute), unit };
      yield { ...added, ...pairedChange(played[0]!, waves, perRequest, inPercent), unit: "%" };
    }
    for (const { metric, change, unit, of } of FIGURES) {
      yield { case: what, contender, metric, ...ofWaves(waves, of), unit };
      if (level === 0) continue;
      const metricOfChange = { case: what, contender, metric: change };
      yield { ...metricOfChange, ...pairedChange(played[0]!, waves, of, inPercent), unit: "%" };
    }
  }
}

function ofWaves(waves: readonly Wave[], of: Figure): { readonly value: number; readonly spread: number } {
  return { value: of(waves), spread: summarize(waves.map((wave) => of([wave]))).spread };
}
