import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEUTRAL_SAMPLING, sequenceId } from "@baton/core";
import { type CompiledModel, prepareModel } from "@baton/model";
import { writeRandomCheckpoint } from "@baton/model/testing";
import type { SequenceSpec } from "@baton/scheduler";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createEngine } from "./create-engine.ts";
import type { EngineApi } from "./engine-api.ts";
import type { OnnxRunnerSpec } from "./runner-spec.ts";
import { submitAndHear, tokensOf } from "./testing/heard-sequence.ts";

const BLOCK_SIZE = 16;
const CHUNK_TOKENS = 32;
/** On and around the boundaries of blocks and chunks. */
const PROMPT_LENGTHS = [1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 300];

let folder: string;
let model: CompiledModel;
let aggregated: EngineApi;
let prefill: EngineApi;
let decode: EngineApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-engine-"));
  await writeRandomCheckpoint(join(folder, "model"), {}, 5);
  model = await prepareModel(join(folder, "model"), { cacheFolder: join(folder, "cache") });
  aggregated = await startEngine(["prefill", "decode"]);
  prefill = await startEngine(["prefill"]);
  decode = await startEngine(["decode"]);
});

afterAll(async () => {
  await Promise.all([aggregated, prefill, decode].map((engine) => engine?.close()));
  await rm(folder, { recursive: true, force: true });
});

function startEngine(roles: OnnxRunnerSpec["roles"]): Promise<EngineApi> {
  const { prefillGraph, decodeGraph, vocabSize, maxModelTokens } = model;
  const info = { layout: model.layout(BLOCK_SIZE), vocabSize, maxModelTokens };
  return createEngine({
    runner: { kind: "onnx", info, prefillGraph, decodeGraph, threads: 1, roles },
    kvBlocks: 200,
    limits: {
      chunkTokens: CHUNK_TOKENS,
      stepPrefillTokens: CHUNK_TOKENS * 2,
      maxRunning: 4,
      maxSequences: 64,
      maxModelTokens,
    },
  });
}

function specs(goal: SequenceSpec["goal"], temperature: number): SequenceSpec[] {
  return PROMPT_LENGTHS.map((length, index) => ({
    id: sequenceId(`${goal}-${length}`),
    promptTokenIds: Array.from({ length }, (_, position) => (index * 17 + position * 31) % 250),
    sampling: { ...NEUTRAL_SAMPLING, temperature, topP: 0.95, seed: BigInt(index), maxTokens: 24 },
    goal,
  }));
}

/** The answers of one engine that does all of it. */
async function answersTogether(temperature: number) {
  const heard = specs("generate", temperature).map((spec) => submitAndHear(aggregated, spec));
  await Promise.all(heard.map(({ ended }) => ended));
  return heard.map(tokensOf);
}

/** The answers of two engines, with the KV handed over. */
async function answersApart(temperature: number) {
  const decodeSpecs = specs("decode", temperature);
  const legs = specs("prefill", temperature).map(async (spec, index) => {
    const first = submitAndHear(prefill, spec);
    const rest = submitAndHear(decode, decodeSpecs[index]!);
    const blocks = await rest.handle.reserve(new AbortController().signal);
    await first.ended;
    for (const [at, block] of first.handle.blocks().entries()) {
      decode.blockBytes(blocks[at]!).set(prefill.blockBytes(block));
    }
    first.handle.release();
    rest.handle.ready({ tokenId: tokensOf(first)[0]! });
    await rest.ended;
    return tokensOf(rest);
  });
  return Promise.all(legs);
}

test.each([0, 0.8])(
  "prefill and decode in two engines answer as one engine does, at temperature %d",
  async (temperature) => {
    expect(await answersApart(temperature)).toEqual(await answersTogether(temperature));
    for (const engine of [aggregated, prefill, decode]) {
      const { free, cached, total } = engine.status().blocks;
      expect(free + cached).toBe(total);
    }
  },
);

test("a decode engine loads the prefill graph when it must prefill itself", async () => {
  const [spec] = specs("generate", 0);
  const local = submitAndHear(decode, spec!);
  const there = submitAndHear(aggregated, spec!);
  await expect(local.ended).resolves.toMatchObject({ type: "finished" });
  await there.ended;
  expect(tokensOf(local)).toEqual(tokensOf(there));
});
