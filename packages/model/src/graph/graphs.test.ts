import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import { type CompiledModel, prepareModel } from "../compile/prepare-model.ts";
import { type RandomShape, writeRandomCheckpoint } from "../testing/random-checkpoint.ts";
import { ReferenceModel } from "../testing/reference-forward.ts";

/** Room in the caches that the tests never fill: padding must not change a result. */
const CAPACITY = 80;
const PAGE = 16;
const PAGES = CAPACITY / PAGE;
const PROMPT = Array.from({ length: 40 }, (_, i) => (i * 37 + 11) % 259);
const HIDDEN = -1e9;

let Tensor: typeof OrtTensor;

type Caches = Record<string, Float32Array>;

const shapes: readonly (readonly [string, RandomShape])[] = [
  ["grouped heads", {}],
  ["one KV head for all", { kvHeads: 1, layers: 3 }],
  ["as many KV heads as heads, and heads wider than hidden / heads", { heads: 2, kvHeads: 2, headDim: 32 }],
  [
    "tied embeddings, and constants other than the usual",
    { tiedEmbeddings: true, ropeTheta: 500, normEpsilon: 0.1 },
  ],
];

describe.each(shapes)("A model with %s", (_, shape) => {
  let folder: string;
  let model: CompiledModel;
  let reference: ReferenceModel;
  let prefill: InferenceSession;
  let decode: InferenceSession;

  beforeAll(async () => {
    const runtime = await loadRuntime();
    Tensor = runtime.Tensor;
    folder = await mkdtemp(join(tmpdir(), "baton-graphs-"));
    await writeRandomCheckpoint(folder, shape, 7);
    model = await prepareModel(folder, { cacheFolder: join(folder, "cache") });
    await using checkpoint = await openCheckpoint(folder);
    reference = await ReferenceModel.load(checkpoint);
    prefill = await runtime.InferenceSession.create(model.prefillGraph);
    decode = await runtime.InferenceSession.create(model.decodeGraphs.fp32);
  });

  afterAll(async () => {
    await prefill.release();
    await decode.release();
    await rm(folder, { recursive: true });
  });

  test("prefills a prompt in one chunk as the reference does, keys and values included", async () => {
    const expected = reference.restart();
    const logits = PROMPT.map((token) => expected.next(token)).at(-1)!;
    const caches = emptyCaches();
    expectClose(await runPrefill(caches, PROMPT, 0), logits);
    for (let layer = 0; layer < model.config.layers; layer++) {
      expectClose(cacheRows(caches, layer, "k"), expected.cache(layer).keys.flat());
      expectClose(cacheRows(caches, layer, "v"), expected.cache(layer).values.flat());
    }
  });

  test("gives the same logits and cache, bit for bit, however the prompt is cut into chunks of two tokens or more", async () => {
    const whole = emptyCaches();
    const parts = emptyCaches();
    const wholeLogits = await runPrefill(whole, PROMPT, 0);
    await runPrefill(parts, PROMPT.slice(0, 16), 0);
    await runPrefill(parts, PROMPT.slice(16, 18), 16);
    const partLogits = await runPrefill(parts, PROMPT.slice(18), 18);
    expect(partLogits).toEqual(wholeLogits);
    expect(parts).toEqual(whole);
  });

  test("gives nearly the same when a chunk has one token", async () => {
    const whole = emptyCaches();
    const parts = emptyCaches();
    const wholeLogits = await runPrefill(whole, PROMPT, 0);
    await runPrefill(parts, PROMPT.slice(0, -1), 0);
    expectClose(await runPrefill(parts, PROMPT.slice(-1), PROMPT.length - 1), [...wholeLogits]);
    for (const name of Object.keys(whole)) expectClose(parts[name]!, [...whole[name]!]);
  });

  test("ends a prefill in the layer in which its shape is found to be impossible, and keeps what was in the cache", async () => {
    const { kvHeads, headDim, layers } = model.config;
    const caches = emptyCaches();
    await runPrefill(caches, PROMPT.slice(0, 16), 0);
    const before = structuredClone(caches);
    await expect(runPrefill(caches, PROMPT.slice(16), 16, [0n, 0n, -2n])).rejects.toThrow("Reshape");
    const first = (from: Caches) => cacheRows(from, 0, "k").slice(0, 16 * kvHeads * headDim);
    expect(first(caches)).toEqual(first(before));
    for (let layer = 1; layer < layers; layer++) {
      expect(cacheRows(caches, layer, "k")).toEqual(cacheRows(before, layer, "k"));
    }
  });

  test("decodes after a prefill as the reference does, in a batch of sequences of different lengths", async () => {
    const lengths = [1, 17, PROMPT.length];
    const expected = lengths.map((length) => {
      const sequence = reference.restart();
      for (const token of PROMPT.slice(0, length)) sequence.next(token);
      return sequence;
    });
    const caches: Caches[] = [];
    for (const length of lengths) {
      const cache = emptyCaches();
      await runPrefill(cache, PROMPT.slice(0, length), 0);
      caches.push(cache);
    }
    for (const [step, token] of [5, 250, 99, 5].entries()) {
      const rows = await runDecode(
        caches,
        token,
        lengths.map((length) => length + step),
      );
      for (const [row, logits] of rows.entries()) expectClose(logits, expected[row]!.next(token));
    }
  });

  function emptyCaches(): Caches {
    const { layers, kvHeads, headDim } = model.config;
    const names = Array.from({ length: layers }, (_, layer) => [`${layer}.k`, `${layer}.v`]).flat();
    return Object.fromEntries(names.map((name) => [name, new Float32Array(kvHeads * CAPACITY * headDim)]));
  }

  async function runPrefill(
    caches: Caches,
    tokens: readonly number[],
    start: number,
    attendedShape: readonly bigint[] = [0n, 0n, -1n],
  ): Promise<Float32Array> {
    const { kvHeads, headDim, vocabSize } = model.config;
    const total = start + tokens.length;
    const feeds: Record<string, OrtTensor> = {
      input_ids: new Tensor("int64", BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      seqlens_k: new Tensor("int32", Int32Array.of(total - 1), [1]),
      total_sequence_length: new Tensor("int32", Int32Array.of(total), []),
      attended_shape: new Tensor("int64", BigInt64Array.from(attendedShape), [3]),
    };
    const logits = new Float32Array(vocabSize);
    const fetches: Record<string, OrtTensor> = { logits: new Tensor("float32", logits, [1, 1, vocabSize]) };
    for (const [name, values] of Object.entries(caches)) {
      const tensor = new Tensor("float32", values, [1, kvHeads, CAPACITY, headDim]);
      feeds[`past.${name}`] = tensor;
      fetches[`present.${name}`] = tensor;
    }
    await prefill.run(feeds, fetches, { logSeverityLevel: 4 });
    return logits;
  }

  /** Feeds `token` to every sequence, appends its keys and values to the caches, returns the logits of each. */
  async function runDecode(caches: readonly Caches[], token: number, positions: readonly number[]) {
    const { kvHeads, headDim, vocabSize } = model.config;
    const batch = caches.length;
    // Page i of row b is page i * batch + b: those of a sequence do not lie together.
    const pages = Array.from({ length: batch * PAGES }, (_, page) => ({
      row: page % batch,
      start: Math.floor(page / batch) * PAGE,
    }));
    const mask = pages.flatMap(({ row, start }) =>
      Array.from({ length: PAGE }, (_, at) => (start + at < positions[row]! ? 0 : HIDDEN)),
    );
    // Pages without a token are left out, as the engine does where others have more.
    const used = positions.map((position) => Math.ceil(position / PAGE));
    const rowPages = used.flatMap((count, row) =>
      Array.from({ length: PAGES }, (_, index) => (index < count ? index * batch + row : row)),
    );
    const pageMask = used.flatMap((count) =>
      Array.from({ length: PAGES }, (_, index) => (index < count ? 0 : HIDDEN)),
    );
    const feeds: Record<string, OrtTensor> = {
      input_ids: new Tensor("int64", new BigInt64Array(batch).fill(BigInt(token)), [batch, 1]),
      position_ids: new Tensor("int64", BigInt64Array.from(positions, BigInt), [batch, 1]),
      page_rows: new Tensor(
        "int64",
        BigInt64Array.from(pages, ({ row }) => BigInt(row)),
        [pages.length],
      ),
      token_mask: new Tensor("float32", Float32Array.from(mask), [pages.length, 1, 1, PAGE]),
      row_pages: new Tensor("int64", BigInt64Array.from(rowPages, BigInt), [batch, 1, PAGES]),
      page_mask: new Tensor("float32", Float32Array.from(pageMask), [batch, 1, PAGES]),
    };
    for (const name of Object.keys(caches[0]!)) {
      const values = pages.flatMap(({ row, start }) =>
        Array.from({ length: kvHeads }, (_, head) => {
          const from = (head * CAPACITY + start) * headDim;
          return [...caches[row]![name]!.subarray(from, from + PAGE * headDim)];
        }).flat(),
      );
      const dims = [pages.length, kvHeads, 1, PAGE, headDim];
      feeds[`past.${name}`] = new Tensor("float32", Float32Array.from(values), dims);
    }
    const outputs = await decode.run(feeds);
    for (const name of Object.keys(caches[0]!)) {
      const values = outputs[`new.${name}`]!.data as Float32Array;
      for (const [row, cache] of caches.entries()) {
        for (let head = 0; head < kvHeads; head++) {
          const begin = (row * kvHeads + head) * headDim;
          const target = (head * CAPACITY + positions[row]!) * headDim;
          cache[name]!.set(values.subarray(begin, begin + headDim), target);
        }
      }
    }
    const logits = outputs.logits!.data as Float32Array;
    return caches.map((_, row) => logits.subarray(row * vocabSize, (row + 1) * vocabSize));
  }

  /** The prompt's keys or values as the reference keeps them: token by token, all heads of each. */
  function cacheRows(caches: Caches, layer: number, part: "k" | "v"): number[] {
    const { kvHeads, headDim } = model.config;
    const values = caches[`${layer}.${part}`]!;
    const rows: number[] = [];
    for (let token = 0; token < PROMPT.length; token++) {
      for (let head = 0; head < kvHeads; head++) {
        const begin = (head * CAPACITY + token) * headDim;
        rows.push(...values.subarray(begin, begin + headDim));
      }
    }
    return rows;
  }
});

/**
 * Jest's sandbox has a Float32Array of its own, and the runtime checks what its native part returns against the one it
 * saw while loading. A structured clone comes from outside the sandbox and brings the real one.
 */
async function loadRuntime() {
  globalThis.Float32Array = structuredClone(new Float32Array(0)).constructor as Float32ArrayConstructor;
  return import("onnxruntime-node");
}

/** Equal within float32's rounding over a few layers. */
function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  expect(worst / scale).toBeLessThan(2e-5);
}
