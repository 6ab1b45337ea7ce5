export { FakeModelRunner } from "./fake-model-runner.ts";
export { describeModelRunner } from "./testing/describe-model-runner.ts";
export type { RunnerUnderTest } from "./testing/runner-bench.ts";
