/** What the next request pays for prompts that nobody waits for any more. */
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import type { SYNTH_SHAPES } from "@baton/model";
import { Cluster, type ClusterOptions } from "../support/cluster.ts";
import { collect, post } from "../support/sse.ts";
import { type Bench, type Measurement, percentile, summarize } from "./bench.ts";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";

const LEAVING = 10;
const LONG_TOKENS = 8000;
const WARM_UP = 10;

/** A short request: when its first token came, as the client saw it, and where the time went, all in ms. */
type Parts = Readonly<Record<string, number>>;

export const bench: Bench = {
  question: `After ${LEAVING} clients left in the prefill of ${LONG_TOKENS} tokens each, how long does the next short request's first token take, against an idle cluster's?`,
  notMeasured: "a network, several workers of a role",

  /** `begun`: tokens at the beginning of every long prompt that are computed before, so that the clients leave late in it. */
  async run(report, [rounds = "20", shape = "babble", begun = "0"]) {
    await using cluster = await Cluster.start(await optionsOf(shape));
    const { id: model } = (await cluster.openai.models.list()).data[0]!;
    const beginning = randomUUID().padEnd(Number(begun), "a longer story ").slice(0, Number(begun));
    if (beginning) await askOnce(cluster, model, beginning);
    const idle: Parts[] = [];
    const after: Parts[] = [];
    for (let round = -WARM_UP; round < Number(rounds); round++) {
      await cluster.atRest();
      const first = await askShort(cluster, model);
      await cluster.atRest();
      await leaveInPrefill(cluster, model, beginning);
      const second = await askShort(cluster, model);
      if (round < 0) continue;
      idle.push(first);
      after.push(second);
    }
    const what = `${shape}, ${begun} tokens begun, ${rounds} rounds`;
    reportParts(report, what, { idle, "after the cancels": after });
    for (const p of [50, 90, 100]) {
      const at = (all: readonly Parts[]) => percentile(Array.from(all, clientMs), p);
      const metric = p === 100 ? "ratio of the longest" : `ratio of p${p}`;
      report({ case: what, contender: "after / idle", metric, unit: "x", value: at(after) / at(idle) });
    }
  },
};

const clientMs = ({ client }: Parts): number => client!;

/** The babbling model of the tests or the built-in one, whose steps take milliseconds, or a shape of `baton model synth`. */
async function optionsOf(shape: string): Promise<ClusterOptions> {
  if (shape === "babble") return {};
  if (shape === "demo") return { model: "demo", env: { BATON_WEIGHTS: "int8" } };
  const model = await synthModelFolder(shape as keyof typeof SYNTH_SHAPES);
  const env = { BATON_CACHE: BENCH_CACHE, BATON_WEIGHTS: "int8" };
  return { model, env, workerArgs: ["--kv-memory", "1GiB"] };
}

async function askShort(cluster: Cluster, model: string): Promise<Parts> {
  const startedAt = performance.now();
  const { events } = await post(
    `${cluster.url}/v1/completions`,
    { model, prompt: `Short ${randomUUID()}`, max_tokens: 4, ignore_eos: true, stream: true },
    { "x-baton-timing": "1" },
  );
  let client: number | undefined;
  let parts: Parts = {};
  for await (const event of events) {
    client ??= performance.now() - startedAt;
    if (event !== "[DONE]") parts = JSON.parse(event).usage?.timing ?? parts;
  }
  return { client: client!, ...parts };
}

async function askOnce(cluster: Cluster, model: string, prompt: string): Promise<void> {
  await collect(await post(`${cluster.url}/v1/completions`, { model, prompt, max_tokens: 1 }));
}

/** Resolves once the clients have left. Bare sockets: what leaving costs the clients is none of the cluster's time. */
async function leaveInPrefill(cluster: Cluster, model: string, beginning: string): Promise<void> {
  const { hostname, port } = new URL(cluster.url);
  const clients = Array.from({ length: LEAVING }, () => {
    const prompt = `${beginning}${randomUUID()}`.padEnd(LONG_TOKENS, "a longer story ");
    const body = JSON.stringify({ model, prompt, max_tokens: 4 });
    const head = [
      "POST /v1/completions HTTP/1.1",
      `host: ${hostname}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
    ];
    const socket = connect(Number(port), hostname);
    socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
    return socket;
  });
  // Nobody leaves before all have arrived: taking a prompt in is work, too, and none of a cancel's.
  await Promise.all(
    cluster.workers.map((worker) =>
      cluster.until(worker, `has ${LEAVING} prompts`, ({ sequences }) => {
        return sequences.waiting + sequences.prefilling + sequences.receiving === LEAVING;
      }),
    ),
  );
  for (const client of clients) client.destroy();
}

function reportParts(
  report: (measurement: Measurement) => void,
  what: string,
  contenders: Readonly<Record<string, readonly Parts[]>>,
): void {
  for (const [contender, requests] of Object.entries(contenders)) {
    for (const part of Object.keys(requests[0]!)) {
      const metric = part === "client" ? "time to first token p50" : `${part} p50`;
      const figures = summarize(requests.map((parts) => parts[part]!));
      report({ case: what, contender, metric, unit: "ms", ...figures });
    }
    const longest = Math.max(...requests.map(clientMs));
    report({ case: what, contender, metric: "longest time to first token", unit: "ms", value: longest });
  }
}
