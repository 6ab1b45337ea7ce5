import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { TensorSource } from "../../checkpoint/tensor-source.ts";
import { writeWeights } from "../../compile/compile-model.ts";
import { GraphBuilder } from "../graph-builder.ts";
import { planWeights } from "../weight-plan.ts";
import { int8Linear } from "./int8-linear.ts";

const LAYER = { name: "layer", rows: 3, columns: 32, tensors: ["matrix"] };
const MATRIX = Float32Array.from({ length: LAYER.rows * LAYER.columns }, (_, i) => Math.sin(i * 1.7));

const source: TensorSource = {
  path: "nowhere",
  find: () => undefined,
  async *read() {
    yield MATRIX;
  },
  async [Symbol.asyncDispose]() {},
};

/** The product as float32 would have it. */
function exactly(token: Float32Array): number[] {
  return Array.from({ length: LAYER.rows }, (_, row) =>
    token.reduce((sum, value, column) => sum + value * MATRIX[row * LAYER.columns + column]!, 0),
  );
}

/** Multiplies some tokens in a graph of their own. */
async function multiply(tokens: readonly Float32Array[]): Promise<number[][]> {
  // The runtime checks for the Float32Array of the outside, which jest's sandbox hides.
  globalThis.Float32Array = structuredClone(new Float32Array(0)).constructor as Float32ArrayConstructor;
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const folder = await mkdtemp(join(tmpdir(), "baton-int8-"));
  try {
    const plan = planWeights([int8Linear.weight(LAYER)]);
    await writeWeights(plan, source, join(folder, "weights.bin"));
    const g = new GraphBuilder("linear", plan, "weights.bin");
    const input = g.input("input", "float32", [1, "S", LAYER.columns]);
    int8Linear.multiply(g, input, LAYER, g.output("output", "float32", [1, "S", LAYER.rows]));
    await writeFile(join(folder, "linear.onnx"), g.encode());
    const session = await InferenceSession.create(join(folder, "linear.onnx"));
    const values = Float32Array.from(tokens.flatMap((token) => [...token]));
    const outputs = await session.run({
      input: new Tensor("float32", values, [1, tokens.length, LAYER.columns]),
    });
    await session.release();
    const products = [...(outputs.output!.data as Float32Array)];
    return tokens.map((_, i) => products.slice(i * LAYER.rows, (i + 1) * LAYER.rows));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("a token gives the same beside others of any size, and a token of zeros gives zeros", async () => {
  const token = Float32Array.from({ length: LAYER.columns }, (_, i) => Math.cos(i));
  const large = token.map((value) => value * 1e6);
  const tiny = token.map((value) => value * 1e-30);
  const zeros = new Float32Array(LAYER.columns);
  const [first, second, third, fourth] = await multiply([zeros, token, large, tiny]);
  expect(first!.map(Math.abs)).toEqual([0, 0, 0]);
  for (const [row, value] of exactly(token).entries()) {
    expect(Math.abs(second![row]! - value)).toBeLessThan(0.1);
    expect(third![row]! / 1e6).toBeCloseTo(second![row]!, 4);
    expect(fourth![row]! / 1e-30).toBeCloseTo(second![row]!, 4);
  }
  expect((await multiply([token]))[0]).toEqual(second);
});
