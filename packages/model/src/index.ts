export { SUPPORTED_ARCHITECTURES } from "./architectures/supported.ts";
export type { GenerationDefaults } from "./checkpoint/generation-defaults.ts";
export type { ModelConfig } from "./checkpoint/model-config.ts";
export { hashModel } from "./compile/hash-model.ts";
export {
  type CompiledModel,
  type PrepareOptions,
  type PrepareProgress,
  prepareModel,
} from "./compile/prepare-model.ts";
export type { WeightFormat } from "./graph/linear/weight-formats.ts";
export {
  type ModelFiles,
  modelName,
  readModelFiles,
  readTokenizerFiles,
  type TokenizerFiles,
} from "./model-files.ts";
export { type ModelSource, type ResolvedModel, resolveModel } from "./resolve-model.ts";
export { writeSynthCheckpoint } from "./synth/synth-checkpoint.ts";
export { SYNTH_SHAPES } from "./synth/synth-shapes.ts";
