/**
 * What tracing costs a whole cluster: the same load at each level, round by round, against a cluster without tracing.
 *
 * Two clusters of the same model run side by side, one of them idle at any moment: one was started with level 0 and
 * has loaded nothing of OpenTelemetry, the other sends its spans over OTLP to a receiver that throws them away. The
 * second one's level is changed between rounds. That it is also run at level 0 shows what the bench cannot tell apart.
 */
import { silentLogger } from "@baton/core";
import { createRpcServer } from "@baton/rpc";
import { Cluster, type ClusterOptions } from "../support/cluster.ts";
import { type Bench, type Measurement, summarize } from "./bench.ts";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";
import { type Load, playRound, type Round } from "./tracing-load.ts";

const SHAPE = "smollm2-135m";
const BASELINE = "without tracing";

interface Contender {
  readonly name: string;
  /** Resolves with the cluster that plays the round, made ready for it. */
  prepare(): Promise<Cluster>;
}

export const bench: Bench = {
  question: `What do levels 1, 2 and 3 add to latency, and take from throughput, of a cluster that serves ${SHAPE} in int4 (--trace-store off)?`,
  notMeasured:
    "the router's own trace store (off here), modules other than request, a collector on another machine, a GPU",

  async run(report, [rounds = "12", requests = "12", concurrency = "4"]) {
    const load: Load = {
      model: SHAPE,
      requests: count(requests),
      concurrency: count(concurrency),
      promptLength: 128,
      maxTokens: 32,
    };
    await using sink = await startSink();
    await using off = await startCluster({
      routerArgs: ["--trace-level", "0"],
      workerArgs: ["--trace-level", "0"],
    });
    await using on = await startCluster({ otlp: { endpoint: sink.endpoint, protocol: "grpc" } });
    const contenders: readonly Contender[] = [
      { name: BASELINE, prepare: async () => off },
      ...[0, 1, 2, 3].map((level) => ({ name: `level ${level}`, prepare: () => atLevel(on, level) })),
    ];
    const played = await playAll(contenders, load, count(rounds));
    for (const measurement of compare(contenders, played, load)) report(measurement);
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

async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const model = await synthModelFolder(SHAPE);
  return Cluster.start({
    ...options,
    model,
    env: { BATON_CACHE: BENCH_CACHE, BATON_TRACE_STORE: "off", BATON_WEIGHTS: "int4" },
  });
}

async function atLevel(cluster: Cluster, level: number): Promise<Cluster> {
  const response = await fetch(`${cluster.url}/trace/level`, {
    method: "PUT",
    body: JSON.stringify({ level }),
  });
  if (response.status !== 200) throw new Error(`Cannot set level ${level}: got ${await response.text()}`);
  return cluster;
}

/** The rounds of each contender; in each round all of them, in an order that turns by one, after one to warm up. */
async function playAll(
  contenders: readonly Contender[],
  load: Load,
  rounds: number,
): Promise<ReadonlyMap<string, readonly Round[]>> {
  const played = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
  let number = 0;
  for (let round = 0; round <= rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const contender = contenders[(round + i) % contenders.length]!;
      const result = await playRound(await contender.prepare(), load, number++);
      if (round > 0) played.get(contender.name)!.push(result);
    }
  }
  return played;
}

type Figure = keyof Round;
const FIGURES: readonly (readonly [Figure, string, string])[] = [
  ["p50", "latency p50", "ms"],
  ["p99", "latency p99", "ms"],
  ["tokensPerSecond", "throughput", "tokens/s"],
];

/** Figures of each contender, and how each differs from the baseline, round by round. */
function* compare(
  contenders: readonly Contender[],
  played: ReadonlyMap<string, readonly Round[]>,
  { requests, concurrency }: Load,
): Generator<Measurement> {
  const what = `${played.get(BASELINE)!.length} rounds of ${requests}, ${concurrency} at once`;
  for (const { name } of contenders) {
    const rounds = played.get(name)!;
    for (const [figure, metric, unit] of FIGURES) {
      const samples = rounds.map((round) => round[figure]);
      yield { case: what, contender: name, metric, ...summarize(samples), unit };
      if (name === BASELINE) continue;
      const sign = figure === "tokensPerSecond" ? -1 : 1;
      const changes = rounds.map((round, i) => {
        const before = played.get(BASELINE)![i]![figure];
        return (sign * 100 * (round[figure] - before)) / before;
      });
      const changed = sign < 0 ? `${metric} lost` : `${metric} added`;
      yield { case: what, contender: name, metric: changed, ...summarize(changes), unit: "%" };
    }
  }
}
