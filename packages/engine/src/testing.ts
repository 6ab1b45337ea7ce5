export { FakeModelRunner } from "./fake-model-runner.ts";
export { describeModelRunner } from "./testing/describe-model-runner.ts";
export { type RunnerUnderTest, TEST_BATCH_TOKENS } from "./testing/runner-bench.ts";
