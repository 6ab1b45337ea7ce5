/**
 * Plays requests of a trace on real processes with mock engines, their lengths divided by `TOKENS_PER_TOKEN`: does the
 * simulation tell the truth?
 */
import { BABBLE_MODEL } from "@baton/model/testing";
import type { PolicyName } from "@baton/routing";
import { Cluster } from "../../support/cluster.ts";
import { Distribution } from "./figures.ts";
import { BLOCK_TOKENS, type TraceRequest } from "./mooncake-trace.ts";
import type { SimOptions } from "./sim-cluster.ts";

/** What both can be asked. */
export interface SliceReport {
  readonly hitRate: number;
  readonly firstTokenMs: Distribution;
}

/** As in the simulation: 8,192 trace tokens. */
const CHUNK_TOKENS = 256;

export async function playSlice(
  requests: readonly TraceRequest[],
  { policy, prefillWorkers, decodeWorkers, pace, kvBlocks }: Omit<SimOptions, "serviceLevel">,
): Promise<SliceReport> {
  await using cluster = await Cluster.start({
    prefill: prefillWorkers,
    decode: decodeWorkers,
    routerArgs: routerArgs(policy),
    workerArgs: [
      ...["--engine", "mock", "--mock-kv-blocks", `${kvBlocks}`, "--block-size", `${BLOCK_TOKENS}`],
      ...["--chunk-tokens", `${CHUNK_TOKENS}`, "--max-running", "256", "--trace-level", "0"],
    ],
  });
  const firstTokenMs = new Distribution();
  const startedAt = performance.now();
  const began = requests[0]!.arrivalMs;
  const cached = await Promise.all(
    requests.map(async (request) => {
      const wait = (request.arrivalMs - began) / pace - (performance.now() - startedAt);
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const answer = await ask(cluster, request);
      firstTokenMs.add(answer.firstTokenMs);
      return answer.cachedTokens;
    }),
  );
  const blocks = requests.reduce((sum, { hashIds }) => sum + hashIds.length, 0);
  const hits = cached.reduce((sum, tokens) => sum + tokens, 0) / BLOCK_TOKENS;
  return { hitRate: hits / blocks, firstTokenMs };
}

function routerArgs(policy: PolicyName): string[] {
  return [
    "--prefill-policy",
    policy,
    "--decode-policy",
    policy,
    "--trace-level",
    "0",
    "--max-inflight",
    "4096",
  ];
}

async function ask(cluster: Cluster, { promptTokenIds, outputTokens }: TraceRequest) {
  const startedAt = performance.now();
  const stream = await cluster.openai.completions.create({
    model: BABBLE_MODEL,
    prompt: [...promptTokenIds],
    max_tokens: outputTokens,
    stream: true,
    stream_options: { include_usage: true },
  });
  let firstTokenMs = 0;
  let cachedTokens = 0;
  for await (const event of stream) {
    firstTokenMs ||= performance.now() - startedAt;
    cachedTokens = event.usage?.prompt_tokens_details?.cached_tokens ?? cachedTokens;
  }
  return { firstTokenMs, cachedTokens };
}
