/** The program of the engine thread: creates the runner, executes the plans that it is sent, one at a time. */
import { parentPort, workerData } from "node:worker_threads";
import { BatonError, systemClock } from "@baton/core";
import { KvMemory } from "@baton/kv-cache";
import { FakeModelRunner } from "./fake-model-runner.ts";
import type { ModelRunner } from "./model-runner.ts";
import { OnnxModelRunner } from "./onnx-model-runner.ts";
import type { RunnerSpec } from "./runner-spec.ts";
import { StepExecutor } from "./step-executor.ts";
import type { ThreadData, ThreadReply, ThreadRequest } from "./thread-protocol.ts";

const port = parentPort!;
const reply = (message: ThreadReply) => port.postMessage(message);

async function createRunner(spec: RunnerSpec, memory: KvMemory, batchTokens: number): Promise<ModelRunner> {
  switch (spec.kind) {
    case "onnx":
      return OnnxModelRunner.create(spec, memory, batchTokens);
    case "fake":
      return new FakeModelRunner(spec.info, memory, batchTokens, spec.brokenTokenId);
  }
}

async function serve(runner: ModelRunner, executor: StepExecutor, request: ThreadRequest): Promise<void> {
  switch (request.type) {
    case "step":
      return reply({ type: "outcome", outcome: await executor.execute(request.plan, request.stops) });
    case "close":
      await runner.close();
      return port.close();
  }
}

function fail(reason: unknown): void {
  const { code, message } = BatonError.from(reason);
  reply({ type: "failed", code, message });
  port.close();
}

async function main(): Promise<void> {
  const { runner: spec, kvBlocks, kvBuffer, batchTokens } = workerData as ThreadData;
  const runner = await createRunner(spec, new KvMemory(spec.info.layout, kvBlocks, kvBuffer), batchTokens);
  const executor = new StepExecutor(runner, systemClock);
  port.on("message", (request: ThreadRequest) => serve(runner, executor, request).catch(fail));
  reply({ type: "started" });
}

main().catch(fail);
