import { KvMemory } from "@baton/kv-cache";
import { FakeModelRunner } from "./fake-model-runner.ts";
import { describeModelRunner } from "./testing/describe-model-runner.ts";
import { fakeInfo } from "./testing/fake-info.ts";
import { TEST_BATCH_TOKENS } from "./testing/runner-bench.ts";

describeModelRunner("fake", async () => {
  const memory = new KvMemory(fakeInfo.layout, 512);
  return { runner: new FakeModelRunner(fakeInfo, memory, TEST_BATCH_TOKENS), memory };
});
