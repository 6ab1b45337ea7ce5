/** The peak of a worker's memory, as packages/engine/DESIGN.md has it. */
import { type KvLayout, kvBytesPerToken, type WorkerRole } from "@baton/core";
import type { SYNTH_SHAPES, WeightFormat } from "@baton/model";

/** Node, ONNX Runtime, gRPC and the worker's own code, with what they need to run. */
const RUNTIME_BYTES = 130e6;
/** The workspace of a prompt, and so many copies of it that wait for the garbage collector. */
const WORKSPACES = 1 + 3;
const WORKSPACE_STEP = 256;

export interface WorkerSize {
  readonly role: WorkerRole;
  readonly weights: WeightFormat;
  readonly config: (typeof SYNTH_SHAPES)[keyof typeof SYNTH_SHAPES];
  /** `--kv-memory`, all of it in use. */
  readonly kvMemory: number;
  /** Tokens of the longest prompt so far. */
  readonly longestPrompt: number;
}

/** The KV of a shape, for sums. */
export function kvLayoutOf(config: WorkerSize["config"]): KvLayout {
  return { ...config, dtype: "float32", blockSize: 1, modelHash: "" };
}

export function predictedPeakBytes(size: WorkerSize): number {
  const { role, config, kvMemory, longestPrompt } = size;
  const tokenBytes = kvBytesPerToken(kvLayoutOf(config));
  const tokens = Math.ceil(longestPrompt / WORKSPACE_STEP) * WORKSPACE_STEP;
  const prefills = role !== "decode";
  return RUNTIME_BYTES + kvMemory + weightBytes(size) + (prefills ? WORKSPACES * tokenBytes * tokens : 0);
}

/** The embedding in float32, once, as all graphs read it from the same file; and the linear layers of each graph. */
function weightBytes({ role, weights, config }: WorkerSize): number {
  const { vocabSize, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize } = config;
  const embedding = vocabSize * hiddenSize;
  const attention = 2 * (heads + kvHeads) * headDim;
  const linear = layers * hiddenSize * (attention + 3 * intermediateSize) + embedding;
  const prefillBits = role === "decode" ? 0 : { fp32: 32, int8: 8, int4: 8 }[weights]; // int4 prefills in 8 bits.
  const decodeBits = role === "prefill" ? 0 : { fp32: 32, int8: 8, int4: 4.5 }[weights];
  return 4 * embedding + (linear * (prefillBits + decodeBits)) / 8;
}
