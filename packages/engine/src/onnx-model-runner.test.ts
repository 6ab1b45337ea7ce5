/** @jest-environment ./packages/engine/jest-onnx-environment.cjs */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KvMemory } from "@baton/kv-cache";
import { type CompiledModel, prepareModel } from "@baton/model";
import { writeRandomCheckpoint } from "@baton/model/testing";
import { afterAll, beforeAll } from "@jest/globals";
import { OnnxModelRunner } from "./onnx-model-runner.ts";
import { describeModelRunner } from "./testing/describe-model-runner.ts";
import { TEST_BATCH_TOKENS } from "./testing/runner-bench.ts";

let folder: string;
let model: CompiledModel;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-engine-"));
  await writeRandomCheckpoint(join(folder, "model"), { layers: 2 }, 11);
  model = await prepareModel(join(folder, "model"), { cacheFolder: join(folder, "cache") });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describeModelRunner("ONNX Runtime", async () => {
  const { prefillGraph, decodeGraphs, vocabSize, maxModelTokens } = model;
  const layout = model.layout(8);
  const memory = new KvMemory(layout, 512);
  const info = { layout, vocabSize, maxModelTokens };
  const spec = {
    kind: "onnx",
    info,
    prefillGraph,
    decodeGraph: decodeGraphs.fp32,
    pageDtype: "fp32",
    threads: 1,
    roles: ["prefill"],
  } as const;
  return { runner: await OnnxModelRunner.create(spec, memory, TEST_BATCH_TOKENS), memory };
});
