import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEUTRAL_SAMPLING, type PageDtype, type SamplingParams, sequenceId } from "@baton/core";
import { type CompiledModel, prepareModel, type WeightFormat } from "@baton/model";
import { writeRandomCheckpoint } from "@baton/model/testing";
import type { SequenceSpec } from "@baton/scheduler";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createEngine } from "./create-engine.ts";
import type { EngineApi, EngineEvent } from "./engine-api.ts";
import type { OnnxRunnerSpec } from "./runner-spec.ts";
import { type HeardSequence, submitAndHear, tokensOf } from "./testing/heard-sequence.ts";

const BLOCK_SIZE = 16;
const CHUNK_TOKENS = 32;
const LONG_ANSWER = 200;
/** On and around the boundaries of blocks and chunks. */
const PROMPT_LENGTHS = [1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 300];

let folder: string;
/** In the format that a test is about. */
let model: CompiledModel;
let pageDtype: PageDtype;
let aggregated: EngineApi;
let prefill: EngineApi;
let decode: EngineApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-engine-"));
  await writeRandomCheckpoint(join(folder, "model"), {}, 5);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function startEngine(roles: OnnxRunnerSpec["roles"], batchTokens = 4096): Promise<EngineApi> {
  return createEngine({
    runner: { ...model.runner(BLOCK_SIZE, pageDtype), threads: 1, roles },
    kvBlocks: 200,
    limits: {
      chunkTokens: CHUNK_TOKENS,
      stepPrefillTokens: CHUNK_TOKENS * 2,
      maxRunning: 4,
      batchTokens,
      maxSequences: 64,
      maxModelTokens: model.maxModelTokens,
    },
  });
}

/** Every parameter at work, in different mixtures. */
const SAMPLING: Readonly<Record<string, Partial<SamplingParams>>> = {
  greedy: { temperature: 0 },
  "top-p": { temperature: 0.8, topP: 0.95 },
  "top-k and min-p": { temperature: 1.2, topK: 20, minP: 0.02 },
  penalties: { temperature: 0.7, repetitionPenalty: 1.3, presencePenalty: 0.4, frequencyPenalty: 0.2 },
  "bias and log-probabilities": {
    temperature: 0.9,
    logitBias: [
      { tokenId: 7, bias: 2 },
      { tokenId: 11, bias: -100 },
    ],
    minTokens: 5,
    stopTokenIds: [7, 8, 9],
    topLogprobs: 3,
  },
};

function specs(goal: SequenceSpec["goal"], sampling: Partial<SamplingParams>): SequenceSpec[] {
  return PROMPT_LENGTHS.map((length, index) => ({
    id: sequenceId(`${goal}-${length}`),
    promptTokenIds: Array.from({ length }, (_, position) => (index * 17 + position * 31) % 250),
    sampling: { ...NEUTRAL_SAMPLING, seed: BigInt(index), maxTokens: 24, ...sampling },
    goal,
  }));
}

/** The answers of one engine that does all of it, all at once. */
async function answersTogether(sampling: Partial<SamplingParams>) {
  const heard = specs("generate", sampling).map((spec) => submitAndHear(aggregated, spec));
  await Promise.all(heard.map(({ ended }) => ended));
  return heard.map(answerOf);
}

/** The same, one after the other. */
async function answersAlone(sampling: Partial<SamplingParams>) {
  const answers = [];
  for (const spec of specs("generate", sampling)) {
    const heard = submitAndHear(aggregated, spec);
    await heard.ended;
    answers.push(answerOf(heard));
  }
  return answers;
}

/** Tokens, the rounded log-probabilities beside them, and the reason of the end: kernels sum in different orders. */
function answerOf(heard: HeardSequence) {
  const rounded = (value: number) => Math.round(value * 1000);
  const logprobs = heard.events.flatMap((event) =>
    event.type === "token" && event.logprobs
      ? [[event.logprobs.logprob, ...event.logprobs.top.map(({ logprob }) => logprob)].map(rounded)]
      : [],
  );
  const last = heard.events.at(-1);
  return { tokens: tokensOf(heard), logprobs, reason: last?.type === "finished" && last.reason };
}

/** The answers of two engines, with the KV handed over. */
async function answersApart(sampling: Partial<SamplingParams>) {
  const decodeSpecs = specs("decode", sampling);
  const legs = specs("prefill", sampling).map(async (spec, index) => {
    const first = submitAndHear(prefill, spec);
    const rest = submitAndHear(decode, decodeSpecs[index]!);
    const blocks = await rest.handle.reserve(new AbortController().signal);
    await first.ended;
    for (const [at, block] of first.handle.blocks().entries()) {
      decode.blockBytes(blocks[at]!).set(prefill.blockBytes(block));
    }
    first.handle.release();
    const token = await first.until("token");
    rest.handle.ready(token as Extract<EngineEvent, { type: "token" }>);
    await rest.ended;
    return answerOf(rest);
  });
  return Promise.all(legs);
}

/** Runs tests with an aggregated engine and a pair. */
function withEngines(weights: WeightFormat, dtype: PageDtype): void {
  beforeAll(async () => {
    model = await prepareModel(join(folder, "model"), { cacheFolder: join(folder, "cache"), weights });
    pageDtype = dtype;
    aggregated = await startEngine(["prefill", "decode"]);
    prefill = await startEngine(["prefill"]);
    decode = await startEngine(["decode"]);
  });

  afterAll(() => Promise.all([aggregated, prefill, decode].map((engine) => engine?.close())));
}

// With weights of fp32, pages of int8 would make a whole level of the last bit of a sum, which depends on the batch.
describe.each([
  { weights: "fp32", dtype: "fp32" },
  { weights: "int8", dtype: "int8" },
] as const)("with weights of $weights and pages of $dtype", ({ weights, dtype }) => {
  withEngines(weights, dtype);

  test.each(Object.entries(SAMPLING))(
    "%s: an answer is the same alone, among others, and in two engines",
    async (_, sampling) => {
      const together = await answersTogether(sampling);
      expect(await answersApart(sampling)).toEqual(together);
      expect(await answersAlone(sampling)).toEqual(together);
      for (const engine of [aggregated, prefill, decode]) {
        const { free, cached, total } = engine.status().blocks;
        expect(free + cached).toBe(total);
      }
    },
  );
});

describe("a decode engine", () => {
  withEngines("fp32", "fp32");

  test("loads the prefill graph when it must prefill itself", async () => {
    const [spec] = specs("generate", SAMPLING.greedy!);
    const local = submitAndHear(decode, spec!);
    const there = submitAndHear(aggregated, spec!);
    await expect(local.ended).resolves.toMatchObject({ type: "finished" });
    await there.ended;
    expect(tokensOf(local)).toEqual(tokensOf(there));
  });

  test.each(["greedy", "penalties"])(
    "%s: sequences that are retracted for lack of memory answer as they do with enough of it",
    async (name) => {
      const ample = await startEngine(["prefill", "decode"]);
      // Five pages of 128 tokens, where four sequences grow to three each.
      const tight = await startEngine(["prefill", "decode"], 640);
      const answers = [
        await fourLongAnswers(ample, SAMPLING[name]!),
        await fourLongAnswers(tight, SAMPLING[name]!),
      ];
      const retractions = [ample, tight].map((engine) => engine.status().retractions);
      await Promise.all([ample.close(), tight.close()]);
      expect(retractions[0]).toBe(0);
      expect(retractions[1]).toBeGreaterThan(0);
      expect(answers[1]).toEqual(answers[0]);
    },
  );
});

describe("with pages of int8", () => {
  withEngines("int8", "int8");

  test("sequences that are retracted lose nothing of their answers, which may go on with other words", async () => {
    const tight = await startEngine(["prefill", "decode"], 640);
    const answers = await fourLongAnswers(tight, SAMPLING.greedy!);
    const { retractions } = tight.status();
    await tight.close();
    expect(retractions).toBeGreaterThan(0);
    for (const { tokens, reason } of answers) {
      expect(tokens).toHaveLength(LONG_ANSWER);
      expect(reason).toBe("length");
    }
  });
});

/** Answers that need more pages together than each at its beginning. */
async function fourLongAnswers(engine: EngineApi, sampling: Partial<SamplingParams>) {
  const heard = [90, 70, 80, 60].map((length, index) => {
    const [spec] = specs("generate", { ...sampling, maxTokens: LONG_ANSWER });
    const promptTokenIds = Array.from({ length }, (_, position) => (index * 29 + position * 7) % 250);
    return submitAndHear(engine, { ...spec!, id: sequenceId(`tight-${index}`), promptTokenIds });
  });
  await Promise.all(heard.map(({ ended }) => ended));
  return heard.map(answerOf);
}
