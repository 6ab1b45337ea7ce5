/** @jest-environment ./packages/engine/jest-onnx-environment.cjs */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KvMemory } from "@baton/kv-cache";
import { prepareModel } from "@baton/model";
import { GOLDEN_EXPORTS, GOLDEN_MODELS } from "@baton/model/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { OnnxModelRunner } from "./onnx-model-runner.ts";
import { type ComputedPrompt, GreedyBatch, RunnerBench, TEST_BATCH_TOKENS } from "./testing/runner-bench.ts";

const BLOCK_SIZE = 16;
const TOLERANCE = 1e-3;

describe.each([...GOLDEN_MODELS, ...GOLDEN_EXPORTS])(
  "The logits of $name equal the reference implementation's",
  ({ folder, golden }) => {
    const { prompt, recordedIds, logits: expected } = golden;
    let cacheFolder: string;
    let bench: RunnerBench;

    beforeAll(async () => {
      cacheFolder = await mkdtemp(join(tmpdir(), "baton-parity-"));
    });

    afterAll(() => rm(cacheFolder, { recursive: true, force: true }));

    beforeEach(async () => {
      const model = await prepareModel(folder, { cacheFolder });
      const memory = new KvMemory(model.layout(BLOCK_SIZE), 1024);
      const spec = { ...model.runner(BLOCK_SIZE, "fp32"), threads: 1, roles: ["prefill", "decode"] } as const;
      const runner = await OnnxModelRunner.create(spec, memory, TEST_BATCH_TOKENS);
      bench = new RunnerBench({ runner, memory });
    });

    afterEach(() => bench.runner.close());

    /** Distance of a row of logits from the recorded ones of a position. */
    function error(row: Float32Array, position: number): number {
      return Math.max(...recordedIds.map((id, i) => Math.abs(row[id]! - expected[position]![i]!)));
    }

    test("when a prompt is computed in one piece, whatever its length", async () => {
      for (const length of [1, 2, 16, 95, 96, 97, 98, 128, 300, 511, 599, 600]) {
        const { logits } = await bench.compute(prompt.slice(0, length));
        expect(error(logits, length - 1)).toBeLessThan(TOLERANCE);
      }
    });

    test.each([1, 7, 97, 256])("at the end of every chunk of %d tokens", async (chunkTokens) => {
      const blocks = bench.allocate(prompt.length);
      const worst: number[] = [];
      for (let start = 0; start < prompt.length; start += chunkTokens) {
        const tokenIds = prompt.slice(start, start + chunkTokens);
        const chunk = { sequenceId: "chunked", blocks, start, tokenIds, promptTokens: prompt.length };
        worst.push(error((await bench.runner.prefill(chunk))!, start + tokenIds.length - 1));
      }
      expect(Math.max(...worst)).toBeLessThan(TOLERANCE);
    });

    test("after a prefix whose KV another prompt left in the blocks", async () => {
      const first = await bench.compute([...prompt.slice(0, 256), 1, 2, 3]);
      const shared = first.blocks.slice(0, 256 / BLOCK_SIZE);
      const blocks = [...shared, ...bench.allocate(prompt.length - 256)];
      const { logits } = await bench.computeInto(blocks, 256, prompt, 512);
      expect(error(logits, prompt.length - 1)).toBeLessThan(TOLERANCE);
    });

    test("at every position when a batch of sequences decodes the prompt's own tokens", async () => {
      const starts = [1, 95, 300];
      for (const [seat, length] of starts.entries()) {
        const { blocks } = await bench.compute(prompt.slice(0, length));
        bench.load(seat, blocks, length);
      }
      const worst: number[] = [];
      for (let step = 0; step < prompt.length - 300; step++) {
        const positions = starts.map((start) => start + step);
        const rows = await bench.decode(
          positions.map((position) => ({ position, tokenId: prompt[position]! })),
        );
        worst.push(...rows.map((row, seat) => error(row, positions[seat]!)));
      }
      expect(Math.max(...worst)).toBeLessThan(TOLERANCE);
    });

    test("closely enough that 64 greedy tokens are the same, in one batch", async () => {
      const computed: ComputedPrompt[] = [];
      for (const { promptTokens } of golden.greedy) {
        computed.push(await bench.compute(prompt.slice(0, promptTokens), 128));
      }
      const batch = new GreedyBatch(bench);
      const answers = computed.map((one) => batch.admit(one));
      await batch.step(63);
      expect(answers).toEqual(golden.greedy.map(({ tokens }) => tokens));
    });
  },
);
