import type { ModelInfo } from "../model-runner.ts";

/** A model that is small enough for the fake runner to be quick. */
export const fakeInfo: ModelInfo = {
  layout: { layers: 2, kvHeads: 2, headDim: 4, dtype: "float32", blockSize: 8, modelHash: "fa4e" },
  vocabSize: 320,
  maxModelTokens: 4096,
};
