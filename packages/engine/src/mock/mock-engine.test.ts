import { setImmediate as nextTurn } from "node:timers/promises";
import { NEUTRAL_SAMPLING, type SamplingParams, sequenceId } from "@baton/core";
import type { SequenceSpec } from "@baton/scheduler";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createEngine } from "../create-engine.ts";
import type { EngineApi, EngineEvent } from "../engine-api.ts";
import type { MockSpec } from "../runner-spec.ts";
import { type HeardSequence, submitAndHear, tokensOf } from "../testing/heard-sequence.ts";
import { mockLayout } from "./mock-kv.ts";
import { MockTokens } from "./mock-tokens.ts";

const BLOCK_SIZE = 4;
const runner: MockSpec = {
  kind: "mock",
  info: { layout: mockLayout("any", BLOCK_SIZE), vocabSize: 300, maxModelTokens: 1000 },
  stopTokenIds: [299],
  seed: 7,
  speedup: 1e6,
};
const limits = {
  chunkTokens: 10,
  stepPrefillTokens: 20,
  maxRunning: 4,
  batchTokens: 2048,
  maxSequences: 64,
  maxModelTokens: 1000,
};
const tokens = new MockTokens({ vocabSize: 300, stopTokenIds: [299], seed: 7 });

let engine: EngineApi;
let sequences = 0;

beforeEach(async () => {
  engine = await createEngine({ runner, kvBlocks: 256, limits });
});

afterEach(() => engine.close());

function prompt(length: number, salt = 0): number[] {
  return Array.from({ length }, (_, index) => (index * 31 + salt) % 300);
}

function submit(
  goal: SequenceSpec["goal"],
  promptTokenIds: readonly number[],
  sampling: Partial<SamplingParams> = {},
  on = engine,
): HeardSequence {
  const id = sequenceId(`sequence-${sequences++}`);
  return submitAndHear(on, {
    id,
    promptTokenIds,
    goal,
    sampling: { ...NEUTRAL_SAMPLING, maxTokens: 12, ...sampling },
  });
}

/** Hands a prompt from one engine to another, as the transfer does; `spoil` may change what arrives. */
async function handOver(
  promptTokenIds: readonly number[],
  to: EngineApi,
  spoil: (block: Uint8Array, index: number) => void = () => {},
): Promise<{ readonly answer: HeardSequence; readonly end: EngineEvent }> {
  const prefill = submit("prefill", promptTokenIds);
  await prefill.ended;
  const answer = submit("decode", promptTokenIds, {}, to);
  const blocks = await answer.handle.reserve(AbortSignal.timeout(10_000));
  for (const [index, block] of prefill.handle.blocks().entries()) {
    const bytes = to.blockBytes(blocks[index]!);
    bytes.set(engine.blockBytes(block));
    spoil(bytes, index);
  }
  prefill.handle.release();
  answer.handle.ready({ tokenId: tokensOf(prefill)[0]! });
  return { answer, end: await answer.ended };
}

describe("a mock engine", () => {
  test("answers what the function of the tokens says, alone and among others", async () => {
    const prompts = Array.from({ length: 12 }, (_, index) => prompt(3 + index * 9, index));
    const answers = prompts.map((ids) => submit("generate", ids));
    await Promise.all(answers.map(({ ended }) => ended));
    for (const [index, ids] of prompts.entries()) {
      expect(tokensOf(answers[index]!)).toEqual(tokens.answer(ids, 12));
    }
    while (engine.status().blocks.used > 0) await nextTurn();
  });

  test("finds beginnings of prompts in its cache and goes on from there", async () => {
    await submit("generate", prompt(40)).ended;
    const ids = [...prompt(40), 1, 2, 3];
    const answer = submit("generate", ids);
    await answer.ended;
    expect(answer.events[0]).toMatchObject({ type: "prefill-start", cachedTokens: 40 });
    expect(tokensOf(answer)).toEqual(tokens.answer(ids, 12));
  });

  test("goes on from another's KV", async () => {
    await using other = closing(await createEngine({ runner, kvBlocks: 64, limits }));
    const { answer, end } = await handOver(prompt(50), other.engine);
    expect(end).toMatchObject({ type: "finished", reason: "length" });
    expect(tokensOf(answer)).toEqual(tokens.answer(prompt(50), 12));
  });

  test("fails a sequence whose KV is wrong anywhere, and no other", async () => {
    await using other = closing(await createEngine({ runner, kvBlocks: 64, limits }));
    const { end } = await handOver(prompt(50), other.engine, (block, index) => {
      if (index === 3) block[1]! ^= 1;
    });
    expect(end).toMatchObject({ type: "failed" });
    expect(end.type === "failed" && end.error.message).toMatch(/^Cannot use the KV of token "12": /);
    const next = await handOver(prompt(50), other.engine);
    expect(tokensOf(next.answer)).toEqual(tokens.answer(prompt(50), 12));
  });

  test("answers otherwise when it is given the KV of another prompt, which is consistent in itself", async () => {
    await using other = closing(await createEngine({ runner, kvBlocks: 64, limits }));
    const foreign = submit("prefill", prompt(50, 1));
    await foreign.ended;
    const { answer } = await handOver(prompt(50), other.engine, (block, index) => {
      block.set(engine.blockBytes(foreign.handle.blocks()[index]!));
    });
    foreign.handle.release();
    expect(tokensOf(answer).slice(1)).not.toEqual(tokens.answer(prompt(50), 12).slice(1));
  });

  test("is sure of its tokens where log-probabilities are asked for", async () => {
    const answer = submit("generate", prompt(5), { topLogprobs: 3 });
    await answer.ended;
    const [first] = tokens.answer(prompt(5), 1);
    expect(answer.events.find(({ type }) => type === "token")).toMatchObject({
      logprobs: { logprob: 0, top: [{ tokenId: first, logprob: 0 }] },
    });
  });

  test("closes while it pretends to compute", async () => {
    const slow = await createEngine({ runner: { ...runner, speedup: 1e-3 }, kvBlocks: 64, limits });
    const waiting = submit("generate", prompt(5), {}, slow);
    await waiting.until("prefill-start");
    await slow.close();
    expect(waiting.events.some(({ type }) => type === "token")).toBe(false);
  });
});

function closing(engine: EngineApi) {
  return { engine, [Symbol.asyncDispose]: () => engine.close() };
}
