/**
 * A checkpoint in the layout of today's ONNX exports of decoders, which returns the whole cache from every step: what
 * transformers.js reads, with the same 4-bit weights as our own graphs.
 *
 *   in   input_ids int64 [batch_size, sequence_length]
 *        attention_mask int64 [batch_size, total_sequence_length]
 *        past_key_values.{l}.key|value          float32 [batch_size, kvHeads, past_sequence_length, headDim]
 *   out  logits float32 [batch_size, 1, vocab]  of the last position
 *        present.{l}.key|value                  float32 [batch_size, kvHeads, total_sequence_length, headDim]
 */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import { writeWeights } from "../compile/compile-model.ts";
import { DecoderStack } from "../graph/decoder-stack.ts";
import { planDecoderWeights, WEIGHTS } from "../graph/decoder-weights.ts";
import type { Value } from "../graph/graph-builder.ts";
import { int4Linear } from "../graph/linear/int4-linear.ts";

const FILES = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];
const GRAPH = "model_q4.onnx";
const WEIGHTS_FILE = `${GRAPH}_data`;
/** ONNX's number for int32. */
const INT32 = 6;

/** Writes `folder`: the checkpoint's small files, and `onnx/model_q4.onnx` with its weights beside it. */
export async function writeDecoderExport(checkpointFolder: string, folder: string): Promise<void> {
  await using checkpoint = await openCheckpoint(checkpointFolder);
  const { config, tensors } = checkpoint;
  await mkdir(join(folder, "onnx"), { recursive: true });
  for (const file of FILES) await copyFile(join(checkpointFolder, file), join(folder, file));
  const weights = planDecoderWeights(config, { prefill: int4Linear, decode: int4Linear });
  const spec = { config, weights, format: int4Linear, weightsFile: WEIGHTS_FILE };
  await writeFile(join(folder, "onnx", GRAPH), exportGraph(new DecoderStack("decoder", spec)));
  await writeWeights(weights, tensors, join(folder, "onnx", WEIGHTS_FILE));
}

function exportGraph(stack: DecoderStack): Uint8Array {
  const { g, config } = stack;
  const inputIds = g.input("input_ids", "int64", ["batch_size", "sequence_length"]);
  const mask = g.input("attention_mask", "int64", ["batch_size", "total_sequence_length"]);
  g.output("logits", "float32", ["batch_size", 1, config.vocabSize]);
  const counted = g.node("ReduceSum", [mask, g.integers(1)], { keepdims: 0 });
  const lastIndex = g.node("Cast", [g.node("Sub", [counted, g.integers(1)])], { to: INT32 });
  const total = g.node("Gather", [g.node("Shape", [mask]), g.integers(1)]);
  const totalLength = g.node("Squeeze", [g.node("Cast", [total], { to: INT32 }), g.integers(0)]);
  const hidden = stack.layers(inputIds, (qkv, layer) => attend(stack, qkv, [lastIndex, totalLength], layer));
  stack.logits(g.node("Slice", [hidden, g.integers(-1), g.integers(Number.MAX_SAFE_INTEGER), g.integers(1)]));
  return g.encode();
}

function attend(stack: DecoderStack, qkv: Value, lengths: readonly Value[], layer: number): Value {
  const { g, config } = stack;
  const { heads, kvHeads, headDim } = config;
  const pasts = ["key", "value"].map((part) =>
    g.input(`past_key_values.${layer}.${part}`, "float32", [
      "batch_size",
      kvHeads,
      "past_sequence_length",
      headDim,
    ]),
  );
  const presents = ["key", "value"].map((part) =>
    g.output(`present.${layer}.${part}`, "float32", [
      "batch_size",
      kvHeads,
      "total_sequence_length",
      headDim,
    ]),
  );
  const rotary = [g.weight(WEIGHTS.rotaryCos), g.weight(WEIGHTS.rotarySin)];
  const attributes = { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 };
  const outputs = [g.fresh("attention"), ...presents];
  return g.node("GroupQueryAttention", [qkv, "", "", ...pasts, ...lengths, ...rotary], attributes, outputs);
}
