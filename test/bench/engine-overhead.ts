/** How much of a decode step is not the graph: scheduling, sampling, copies, messages between the threads. */
import type { SamplingParams } from "@baton/core";
import type { StepRecord } from "@baton/engine";
import { type Bench, summarize } from "./bench.ts";
import { answer, startEngine, syntheticModel } from "./synthetic-engine.ts";

const VOCABULARIES = [49_152, 151_936];
const BATCHES = [1, 16];
const CONTEXT = 512;
const STEPS = 60;
/** Steps of one repetition, whose mean is one sample. */
const GROUP = 10;

const SAMPLING: Readonly<Record<string, Partial<SamplingParams>>> = {
  greedy: { temperature: 0 },
  "temperature 0.8, top-p 0.95": { temperature: 0.8, topP: 0.95 },
};

export const bench: Bench = {
  question: "Which part of a decode step is spent outside the graph?",
  notMeasured:
    "what a worker does with tokens (gRPC, traces), other shapes than SmolLM2-135M's, several threads",

  /** `args`: the format of the weights, and of the KV of running sequences. */
  async run(report, [weights = "int4", pageDtype = "fp32"]) {
    if (weights !== "int4" && weights !== "int8" && weights !== "fp32") {
      throw new Error(`Cannot measure weights "${weights}": expected int4, int8 or fp32`);
    }
    if (pageDtype !== "fp32" && pageDtype !== "int8") {
      throw new Error(`Cannot measure KV in "${pageDtype}": expected fp32 or int8`);
    }
    for (const vocabSize of VOCABULARIES) {
      const model = await syntheticModel("smollm2-135m", weights, vocabSize);
      let steps: (StepRecord & { readonly at: number })[] = [];
      const engine = await startEngine({
        model,
        pageDtype,
        onStep: (step) => steps.push({ ...step, at: performance.now() }),
      });
      for (const batch of BATCHES) {
        for (const [contender, sampling] of Object.entries(SAMPLING)) {
          steps = [];
          const maxTokens = STEPS + 2 * batch;
          await Promise.all(
            Array.from({ length: batch }, () => answer(engine, CONTEXT, { ...sampling, maxTokens })),
          );
          const full = steps.filter((step) => step.decodes === batch && step.prefills === 0);
          const name = {
            case: `${weights}, kv ${pageDtype}, vocabulary ${vocabSize}, batch ${batch}`,
            contender,
          };
          const samples = groups(full);
          report({ ...name, metric: "step", ...summarize(samples.map(({ step }) => step)), unit: "ms" });
          report({
            ...name,
            metric: "outside the graph",
            ...summarize(samples.map(({ step, graph }) => step - graph)),
            unit: "ms",
          });
          report({
            ...name,
            metric: "share outside the graph",
            ...summarize(samples.map(({ step, graph }) => (100 * (step - graph)) / step)),
            unit: "%",
          });
        }
      }
      await engine.close();
    }
  },
};

/** Means over groups of successive steps: from outcome to outcome, so that nothing between steps is left out. */
function groups(steps: readonly (StepRecord & { readonly at: number })[]) {
  const means: { readonly step: number; readonly graph: number }[] = [];
  for (let last = GROUP * 2; last < steps.length; last += GROUP) {
    const group = steps.slice(last - GROUP + 1, last + 1);
    means.push({
      step: (steps[last]!.at - steps[last - GROUP]!.at) / GROUP,
      graph: group.reduce((sum, { graphMs }) => sum + graphMs, 0) / GROUP,
    });
  }
  return means;
}
