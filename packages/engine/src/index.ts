export { createEngine, type EngineOptions, SLOT_STEP } from "./create-engine.ts";
export type { EngineApi, EngineEvent, EngineRequest, SequenceHandle } from "./engine-api.ts";
export { type ForcedLogits, ForcedSequences } from "./forced-sequences.ts";
export { mockLayout } from "./mock/mock-kv.ts";
export { decodeMs, prefillMs } from "./mock/mock-timing.ts";
export { type MockTokenOptions, MockTokens } from "./mock/mock-tokens.ts";
export type { ModelInfo, ModelRunner, RunnerChunk, RunnerRow } from "./model-runner.ts";
export type { FakeRunnerSpec, MockSpec, OnnxRunnerSpec, RunnerSpec } from "./runner-spec.ts";
export type { StepRecord } from "./step-record.ts";
