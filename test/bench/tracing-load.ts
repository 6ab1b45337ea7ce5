/** The load of the tracing bench: always the same requests, all of a wave at once. */
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../support/cluster.ts";
import { processorMs } from "./process-time.ts";

/** Spans are sent half a second after they ended, at the latest; what that costs belongs to the wave that made them. */
export const EXPORT_DELAY_MS = 500;
const SETTLE_MS = EXPORT_DELAY_MS + 100;

export interface Load {
  readonly model: string;
  /** Requests of one wave, which run at the same time. */
  readonly concurrency: number;
  /** Characters of a prompt; the model's tokenizer makes at most one token of each. */
  readonly promptLength: number;
  /** Of every answer. */
  readonly tokens: number;
}

/** What came of one wave. */
export interface Wave {
  /** Of whole requests, ms. */
  readonly latencies: readonly number[];
  readonly tokensPerSecond: number;
  /** Of all processes of the cluster, ms. */
  readonly processorMs: number;
}

/** Plays a wave; its prompts are like those of no other wave, so that no prefix cache helps. */
export async function playWave(cluster: Cluster, load: Load, number: number): Promise<Wave> {
  const pids = ["router", ...cluster.workers].map((name) => cluster.process(name).child.pid!);
  const before = processorMs(pids);
  const startedAt = performance.now();
  const latencies = await Promise.all(
    Array.from({ length: load.concurrency }, async (_, i) => {
      await ask(cluster, load, `${number}.${i} `.padEnd(load.promptLength, "a longer story "));
      return performance.now() - startedAt;
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  await pause(SETTLE_MS);
  return {
    latencies,
    tokensPerSecond: (load.concurrency * load.tokens) / seconds,
    processorMs: processorMs(pids) - before,
  };
}

async function ask(cluster: Cluster, { model, tokens }: Load, prompt: string): Promise<void> {
  const answer = await cluster.openai.completions.create({
    model,
    prompt,
    max_tokens: tokens,
    temperature: 0,
    ignore_eos: true,
  } as Parameters<Cluster["openai"]["completions"]["create"]>[0] & { stream?: false });
  if (answer.usage!.completion_tokens !== tokens)
    throw new Error(`Got ${answer.usage!.completion_tokens} tokens`);
}
