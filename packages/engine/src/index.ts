export { createEngine, type EngineOptions, SLOT_STEP } from "./create-engine.ts";
export type { EngineApi, EngineEvent, EngineRequest, SequenceHandle } from "./engine-api.ts";
export { type ForcedLogits, ForcedSequences } from "./forced-sequences.ts";
export type { ModelInfo, ModelRunner, RunnerChunk, RunnerRow } from "./model-runner.ts";
export type { FakeRunnerSpec, OnnxRunnerSpec, RunnerSpec } from "./runner-spec.ts";
export type { StepRecord } from "./step-record.ts";
