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
  const memory = new KvMemory(model.layout(8), 512);
  const spec = {
    ...model.runner(8, "fp32"),
    threads: 1,
    roles: ["prefill"],
  } as const;
  return { runner: await OnnxModelRunner.create(spec, memory, TEST_BATCH_TOKENS), memory };
});
