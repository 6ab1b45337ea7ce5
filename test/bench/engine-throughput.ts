/** How fast the engine computes: through scheduler, threads and sampling, in the shape of a real model. */

import { statSync } from "node:fs";
import { type KvLayout, kvBytesPerToken } from "@baton/core";
import type { EngineApi, StepRecord } from "@baton/engine";
import type { WeightFormat } from "@baton/model";
import { type Bench, type Measurement, percentile, summarize } from "./bench.ts";
import { answer, SHAPES, startEngine, syntheticModel } from "./synthetic-engine.ts";

const FORMATS: readonly WeightFormat[] = ["fp32", "int8", "int4"];
const BATCHES = [1, 2, 4, 8, 16];
const PROMPT = 512;
const REPETITIONS = 3;

type Report = (measurement: Measurement) => void;

export const bench: Bench = {
  question:
    "How many tokens per second does one engine prefill and decode, and how far is that from memory speed?",
  notMeasured: "gRPC and HTTP, the hand-over of KV, other machines' caches; weights are random",

  /** `args`: contexts in tokens, 600 unless given. */
  async run(report, args) {
    const contexts = args.length > 0 ? args.map(Number) : [600];
    const bandwidth = memoryBandwidth();
    report({ case: "one core", contender: "copy", metric: "memory", ...bandwidth, unit: "GB/s" });
    const shape = SHAPES["smollm2-135m"];
    for (const weights of FORMATS) {
      const model = await syntheticModel("smollm2-135m", weights);
      let steps: TimedStep[] = [];
      const engine = await startEngine({
        model,
        kvTokens: 16 * (Math.max(...contexts) + 384),
        chunkTokens: PROMPT,
        onStep: (step) => steps.push({ ...step, at: performance.now() }),
      });
      await answer(engine, PROMPT, { maxTokens: 1 });
      await reportPrefill(engine, weights, report);
      // The embedding is only gathered from, and tied weights are stored twice.
      const embedding = shape.vocabSize * shape.hiddenSize * 4;
      const weightBytes = statSync(`${model.folder}/weights.bin`).size - embedding;
      for (const context of contexts) {
        for (const batch of BATCHES) {
          steps = [];
          await decodeTogether(engine, batch, context);
          const rates = ratesOf(steps, batch);
          const row = { case: `decode, context ${context}, batch ${batch}`, contender: weights };
          report({ ...row, metric: "all sequences", ...summarize(rates), unit: "tokens/s" });
          const limit = roofline(engine.info.layout, { batch, context, weightBytes }, bandwidth.value);
          const share = (100 * percentile(rates, 50)) / limit;
          report({ ...row, metric: "share of memory speed", value: share, unit: "%" });
        }
      }
      await engine.close();
    }
  },
};

type TimedStep = StepRecord & { readonly at: number };

async function reportPrefill(engine: EngineApi, weights: WeightFormat, report: Report): Promise<void> {
  const rates: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const startedAt = performance.now();
    await answer(engine, PROMPT, { maxTokens: 1 });
    rates.push((1000 * PROMPT) / (performance.now() - startedAt));
  }
  report({
    case: `prefill, ${PROMPT} tokens`,
    contender: weights,
    metric: "one sequence",
    ...summarize(rates),
    unit: "tokens/s",
  });
}

function decodeTogether(engine: EngineApi, batch: number, context: number): Promise<unknown> {
  // Those that begin first wait for the last one's prompt, and all write on until every one has joined.
  const maxTokens = 40 + 2 * batch * Math.ceil(context / PROMPT);
  return Promise.all(Array.from({ length: batch }, () => answer(engine, context, { maxTokens })));
}

/** Tokens per second over groups of five steps of the full batch. */
function ratesOf(steps: readonly TimedStep[], batch: number): readonly number[] {
  const full = steps.filter(({ decodes, prefills }) => decodes === batch && prefills === 0);
  const rates: number[] = [];
  for (let last = 10; last < full.length; last += 5) {
    rates.push((1000 * 5 * batch) / (full[last]!.at - full[last - 5]!.at));
  }
  return rates;
}

/** Tokens per second if a step took as long as reading weights and KV once. */
function roofline(
  layout: KvLayout,
  step: { readonly batch: number; readonly context: number; readonly weightBytes: number },
  gigabytesPerSecond: number,
): number {
  const bytes = step.weightBytes + step.batch * step.context * kvBytesPerToken(layout);
  return (step.batch * gigabytesPerSecond * 1e9) / bytes;
}

/** What one core reads and writes when it copies more than its caches hold. */
function memoryBandwidth(): { readonly value: number; readonly spread: number } {
  const source = new Float64Array(2 ** 25).fill(1);
  const target = new Float64Array(source.length).fill(2);
  const samples = Array.from({ length: 9 }, () => {
    const startedAt = performance.now();
    target.set(source);
    return (2 * source.byteLength) / (performance.now() - startedAt) / 1e6;
  });
  return summarize(samples);
}
