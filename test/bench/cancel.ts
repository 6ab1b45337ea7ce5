/** What the next request pays for prompts that nobody waits for any more. */
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import type { SYNTH_SHAPES } from "@baton/model";
import { Cluster, type ClusterOptions } from "../support/cluster.ts";
import { post } from "../support/sse.ts";
import { type Bench, type Measurement, summarize } from "./bench.ts";
import { BENCH_CACHE, synthModelFolder } from "./synth-model.ts";

const LEAVING = 10;
const LONG_TOKENS = 8000;
const WARM_UP = 10;

/** A short request: when its first token came, as the client saw it, and where the time went, all in ms. */
type Parts = Readonly<Record<string, number>>;

export const bench: Bench = {
  question: `After ${LEAVING} clients left in the prefill of ${LONG_TOKENS} tokens each, how long does the next short request's first token take, against an idle cluster's?`,
  notMeasured: "a network, several workers of a role",

  async run(report, [rounds = "20", shape = "babble"]) {
    await using cluster = await Cluster.start(await optionsOf(shape));
    const { id: model } = (await cluster.openai.models.list()).data[0]!;
    for (let i = 0; i < WARM_UP; i++) await askShort(cluster, model);
    const idle: Parts[] = [];
    const after: Parts[] = [];
    for (let round = 0; round < Number(rounds); round++) {
      await cluster.atRest();
      idle.push(await askShort(cluster, model));
      await cluster.atRest();
      await leaveInPrefill(cluster, model);
      after.push(await askShort(cluster, model));
    }
    const what = `${shape}, ${rounds} rounds`;
    reportParts(report, what, { idle, "after the cancels": after });
    const p50 = (parts: readonly Parts[]) => summarize(parts.map(({ client }) => client!)).value;
    const ratio = p50(after) / p50(idle);
    report({ case: what, contender: "after / idle", metric: "ratio of p50", unit: "x", value: ratio });
  },
};

/** The babbling model of the tests, whose steps take a few milliseconds, or a shape of `baton model synth` in int8. */
async function optionsOf(shape: string): Promise<ClusterOptions> {
  if (shape === "babble") return {};
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

/** Resolves once the clients have left. Bare sockets: what leaving costs the clients is none of the cluster's time. */
async function leaveInPrefill(cluster: Cluster, model: string): Promise<void> {
  const { hostname, port } = new URL(cluster.url);
  const clients = Array.from({ length: LEAVING }, () => {
    const prompt = randomUUID().padEnd(LONG_TOKENS, "a longer story ");
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
  // The first prompt may be done before the last has come.
  await cluster.until(
    "prefill-0",
    "has many prompts",
    ({ sequences }) => sequences.prefilling + sequences.waiting >= LEAVING / 2,
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
  }
}
