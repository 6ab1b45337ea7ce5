export type { EngineApi, EngineEvent, SequenceHandle } from "./engine-api.ts";
export type { ModelInfo, ModelRunner, RunnerChunk, RunnerRow } from "./model-runner.ts";
