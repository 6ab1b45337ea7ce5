/** What every model runner must do, whatever it runs: one suite for the real one and the fake. */
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { ChunkStop } from "../chunk-stop.ts";
import {
  argmax,
  type ComputedPrompt,
  GreedyBatch,
  largestDifference,
  pagesOf,
  RunnerBench,
  type RunnerUnderTest,
} from "./runner-bench.ts";

/** Kernels sum in another order for another number of tokens; errors in KV are far larger. */
const ROUNDING = 1e-4;

/** Runs the suite on runners of one kind. */
export function describeModelRunner(name: string, factory: () => Promise<RunnerUnderTest>): void {
  describe(`model runner: ${name}`, () => {
    let bench: RunnerBench;
    let blockSize: number;

    beforeEach(async () => {
      bench = new RunnerBench(await factory());
      blockSize = bench.memory.layout.blockSize;
    });

    afterEach(() => bench.runner.close());

    test("a prompt in chunks gives the KV and the logits of the prompt at once", async () => {
      for (const tokens of [1, blockSize - 1, blockSize, blockSize + 1, blockSize * 5 + 3]) {
        const prompt = bench.prompt(tokens, tokens);
        const whole = await bench.compute(prompt);
        for (const chunkTokens of [1, blockSize, blockSize + 3]) {
          expectSame(bench, await bench.compute(prompt, chunkTokens), whole);
        }
      }
    });

    test("a long prompt in chunks does, too, however often its memory grows on the way", async () => {
      const prompt = bench.prompt(500, 4);
      const whole = await bench.compute(prompt);
      for (const chunkTokens of [96, 256]) {
        expectSame(bench, await bench.compute(prompt, chunkTokens), whole);
      }
    });

    test("chunks of two prompts may alternate", async () => {
      const [first, second] = [bench.prompt(blockSize * 3, 1), bench.prompt(blockSize * 2 + 5, 2)];
      const expected = [await bench.compute(first), await bench.compute(second)];
      const blocks = [bench.allocate(first.length), bench.allocate(second.length)];
      const half = blockSize + 1;
      const logits: Float32Array[] = [];
      for (const [start, end] of [
        [0, half],
        [half, undefined],
      ]) {
        for (const [index, prompt] of [first, second].entries()) {
          const chunk = {
            sequenceId: `turn-${index}`,
            blocks: blocks[index]!,
            start: start!,
            promptTokens: prompt.length,
          };
          logits[index] = Float32Array.from(
            (await bench.runner.prefill({ ...chunk, tokenIds: prompt.slice(start, end) }))!,
          );
        }
      }
      for (const [index, tokenIds] of [first, second].entries()) {
        expectSame(bench, { tokenIds, blocks: blocks[index]!, logits: logits[index]! }, expected[index]!);
      }
    });

    test.each([
      ["itself", false],
      ["another prompt", true],
    ])(
      "after %s a chunk that is stopped leaves the blocks as they were, and the prompt goes on as if it had not begun",
      async (_, another) => {
        const prompt = bench.prompt(blockSize * 3, 6);
        const whole = await bench.compute(prompt);
        const blocks = bench.allocate(prompt.length);
        const chunk = { sequenceId: "stopped", blocks, promptTokens: prompt.length };
        const half = blockSize + 1;
        await bench.runner.prefill({ ...chunk, start: 0, tokenIds: prompt.slice(0, half) });
        if (another) await bench.compute(bench.prompt(half, 7));
        const before = bench.kvOf(blocks, prompt.length);
        const stop = ChunkStop.never();
        stop.set();
        const rest = { ...chunk, start: half, tokenIds: prompt.slice(half) };
        expect(await bench.runner.prefill(rest, stop)).toBeUndefined();
        expect(bench.kvOf(blocks, prompt.length)).toEqual(before);
        const logits = (await bench.runner.prefill(rest))!;
        expectSame(bench, { tokenIds: prompt, blocks, logits }, whole);
      },
    );

    test("a prompt goes on from KV that came from elsewhere", async () => {
      const prompt = bench.prompt(blockSize * 3 + 2, 3);
      const whole = await bench.compute(prompt);
      await bench.compute(bench.prompt(blockSize * 4, 9)); // Nothing of the first run is still at hand.
      const blocks = bench.allocate(prompt.length);
      for (const index of [0, 1])
        bench.memory.bytes(blocks[index]!).set(bench.memory.bytes(whole.blocks[index]!));
      expectSame(bench, await bench.computeInto(blocks, blockSize * 2, prompt, blockSize), whole);
    });

    test("each decoded token is the one that the longer prompt gives", async () => {
      for (const tokens of [1, blockSize, blockSize * 2 + 1]) {
        const prompt = bench.prompt(tokens, tokens);
        const batch = new GreedyBatch(bench);
        const answer = batch.admit(await bench.compute(prompt));
        await batch.step(10);
        for (let count = 1; count < answer.length; count++) {
          const longer = await bench.compute([...prompt, ...answer.slice(0, count)]);
          expect(argmax(longer.logits)).toBe(answer[count]);
        }
      }
    });

    test("the rows of a batch do not touch each other", async () => {
      const prompts = await computeAll(bench, [3, blockSize * 4, blockSize + 1]);
      const alone = await answersAlone(bench, prompts, 8);
      const batch = new GreedyBatch(bench);
      const together = prompts.map((prompt) => batch.admit(prompt));
      await batch.step(8);
      expect(together).toEqual(alone);
    });

    test("a moved sequence goes on as before", async () => {
      const prompts = await computeAll(bench, [5, blockSize, blockSize * 3 + 1]);
      const alone = await answersAlone(bench, prompts, 9);
      const batch = new GreedyBatch(bench);
      const [dropped, kept, moved] = prompts.map((prompt) => batch.admit(prompt));
      await batch.step(4);
      batch.drop(0);
      await batch.step(5);
      expect(dropped).toEqual(alone[0]!.slice(0, 5));
      expect([kept, moved]).toEqual(alone.slice(1));
    });

    test("a sequence may outgrow its page", async () => {
      const prompts = await computeAll(bench, [120, 7]);
      const batch = new GreedyBatch(bench);
      const [long, short] = prompts.map((prompt) => batch.admit(prompt));
      await batch.step(20);
      for (const [index, answer] of [long!, short!].entries()) {
        const longer = await bench.compute([...prompts[index]!.tokenIds, ...answer.slice(0, -1)]);
        expect(argmax(longer.logits)).toBe(answer.at(-1));
      }
    });

    test("a page shows nothing of the sequence before", async () => {
      const prompts = await computeAll(bench, [300, 2, 9]);
      const alone = await answersAlone(bench, prompts.slice(1), 6);
      const batch = new GreedyBatch(bench);
      batch.admit(prompts[0]!);
      await batch.step(1);
      const answers = [batch.replace(0, prompts[1]!)];
      await batch.step(3);
      answers.push(batch.admit(prompts[2]!));
      await batch.step(3);
      expect(answers).toEqual([alone[0], alone[1]!.slice(0, 4)]);
    });

    test("lost KV changes the logits", async () => {
      const prompt = await bench.compute(bench.prompt(blockSize * 2, 4));
      const logits: Float32Array[] = [];
      for (const lose of [false, true]) {
        if (lose) bench.memory.bytes(prompt.blocks[0]!).fill(0);
        bench.load(0, prompt.blocks, prompt.tokenIds.length);
        logits.push(...(await bench.decode([{ tokenId: 1, position: prompt.tokenIds.length }])));
      }
      expect(largestDifference(logits[0]!, logits[1]!)).toBeGreaterThan(ROUNDING);
    });

    test("a sequence may be loaded in parts, on and off the boundaries of pages", async () => {
      const [prompt] = await computeAll(bench, [300]);
      const alone = await answersAlone(bench, [prompt!], 3);
      for (const ends of [
        [128, 300],
        [1, 127, 129, 255, 300],
        [299, 300],
      ]) {
        for (const [index, end] of ends.entries()) {
          const start = ends[index - 1] ?? 0;
          bench.runner.pages.load({ pages: pagesOf(0, 300), blocks: prompt!.blocks, start, end });
        }
        const [logits] = await bench.decode([{ tokenId: argmax(prompt!.logits), position: 300 }]);
        expect(argmax(logits!)).toBe(alone[0]![1]);
      }
    });

    test("a step that expects other tokens in a page than it holds is refused", async () => {
      const prompt = await bench.compute(bench.prompt(4, 5));
      bench.load(0, prompt.blocks, 4);
      await expect(bench.decode([{ tokenId: 1, position: 5 }])).rejects.toThrow(
        'Cannot continue page "8": it holds its sequence up to token 4, expected 5',
      );
      await expect(
        bench.decode([
          { tokenId: 1, position: 4 },
          { tokenId: 1, position: 1 },
        ]),
      ).rejects.toThrow('Cannot continue page "9": it holds its sequence up to token 0, expected 1');
    });
  });
}

async function computeAll(bench: RunnerBench, lengths: readonly number[]): Promise<ComputedPrompt[]> {
  const prompts: ComputedPrompt[] = [];
  for (const [salt, length] of lengths.entries())
    prompts.push(await bench.compute(bench.prompt(length, salt)));
  return prompts;
}

/** Greedy answers of sequences that had the batch to themselves. */
async function answersAlone(bench: RunnerBench, prompts: readonly ComputedPrompt[], steps: number) {
  const answers: (readonly number[])[] = [];
  for (const prompt of prompts) {
    const batch = new GreedyBatch(bench);
    answers.push(batch.admit(prompt));
    await batch.step(steps);
  }
  return answers;
}

function expectSame(bench: RunnerBench, actual: ComputedPrompt, expected: ComputedPrompt): void {
  const tokens = expected.tokenIds.length;
  const kv = [bench.kvOf(actual.blocks, tokens), bench.kvOf(expected.blocks, tokens)] as const;
  expect(largestDifference(...kv)).toBeLessThan(ROUNDING);
  expect(largestDifference(actual.logits, expected.logits)).toBeLessThan(ROUNDING);
}
