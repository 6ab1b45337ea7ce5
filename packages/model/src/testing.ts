/** Checkpoints with known behaviour, in the real file format, for tests of other packages. */

export { openCheckpoint } from "./checkpoint/checkpoint.ts";
export { layerTensorNames, TENSOR_NAMES } from "./checkpoint/decoder-tensors.ts";
export {
  BABBLE_MODEL,
  BABBLE_TOOLS_MODEL,
  ensureBabbleCheckpoint,
  ensureBabbleToolsCheckpoint,
} from "./testing/babble-checkpoint.ts";
export { writeDecoderExport } from "./testing/decoder-export.ts";
export { GOLDEN_EXPORTS, GOLDEN_MODELS, type Golden, type GoldenModel } from "./testing/golden-models.ts";
export { type RandomShape, writeRandomCheckpoint } from "./testing/random-checkpoint.ts";
export {
  type SuccessorCheckpoint,
  type SuccessorOptions,
  writeSuccessorCheckpoint,
} from "./testing/successor-checkpoint.ts";
