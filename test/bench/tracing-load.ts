/** The load of the tracing bench: always the same requests, a few at a time. */
import type { Cluster } from "../support/cluster.ts";
import { percentile } from "./bench.ts";

export interface Load {
  readonly model: string;
  readonly requests: number;
  readonly concurrency: number;
  /** Characters of a prompt; the model's tokenizer makes at most one token of each. */
  readonly promptLength: number;
  readonly maxTokens: number;
}

/** One round of the load. */
export interface Round {
  /** Of whole requests, ms. */
  readonly p50: number;
  readonly p99: number;
  readonly tokensPerSecond: number;
}

/** Plays the load; prompts differ within a round and from round to round, so that no prefix cache helps. */
export async function playRound(cluster: Cluster, load: Load, round: number): Promise<Round> {
  const latencies: number[] = [];
  let tokens = 0;
  let next = 0;
  const client = async () => {
    while (next < load.requests) {
      const prompt = `${round}.${next++} `.padEnd(load.promptLength, "a longer story ");
      const startedAt = performance.now();
      tokens += await ask(cluster, load, prompt);
      latencies.push(performance.now() - startedAt);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: load.concurrency }, client));
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    p50: percentile(latencies, 50),
    p99: percentile(latencies, 99),
    tokensPerSecond: tokens / seconds,
  };
}

/** Resolves with the number of tokens of the answer. */
async function ask(cluster: Cluster, { model, maxTokens }: Load, prompt: string): Promise<number> {
  const answer = await cluster.openai.completions.create({
    model,
    prompt,
    max_tokens: maxTokens,
    temperature: 0,
  });
  return answer.usage!.completion_tokens;
}
