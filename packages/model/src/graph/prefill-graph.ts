/**
 * The graph of a prefill worker: one chunk of one prompt, appended to its KV cache by GroupQueryAttention.
 *
 *   in   input_ids int64 [1, S]                 the chunk
 *        seqlens_k int32 [1]                    tokens in the cache after this chunk, minus 1
 *        total_sequence_length int32 []         tokens in the cache after this chunk
 *        past.{l}.k, past.{l}.v                 float32 [1, kvHeads, P, headDim], P at least that total
 *        attended_shape int64 [3]               [0, 0, -1], read anew in each layer
 *   out  logits float32 [1, 1, vocab]           of the chunk's last position
 *        present.{l}.k, present.{l}.v           as past; appended in place when given the same memory
 *
 * However a prompt is cut into chunks of two tokens or more, the results are the same, bit for bit. A chunk of one
 * token goes through the runtime's matrix-vector kernels, which add in another order: equal to about 1e-5 of the largest logit.
 *
 * `attended_shape` is there to end a run: each layer reshapes what attention answers, for nothing, and fails if by then the
 * shape has become one that does not fit. The cache may hold parts of the chunk then, and all that was there before it.
 */
import { type DecoderSpec, DecoderStack } from "./decoder-stack.ts";
import { WEIGHTS } from "./decoder-weights.ts";
import type { Value } from "./graph-builder.ts";

/** Builds the prefill graph; returns the bytes of the model file. */
export function buildPrefillGraph(spec: DecoderSpec): Uint8Array {
  const stack = new DecoderStack("prefill", spec);
  const { g, config } = stack;
  const inputIds = g.input("input_ids", "int64", [1, "S"]);
  const lengths = [g.input("seqlens_k", "int32", [1]), g.input("total_sequence_length", "int32", [])];
  g.output("logits", "float32", [1, 1, config.vocabSize]);
  const shape = g.input("attended_shape", "int64", [3]);
  const hidden = stack.layers(inputIds, (qkv, layer) => {
    return g.node("Reshape", [attend(stack, qkv, lengths, layer), shape]);
  });
  const last = g.node("Slice", [hidden, g.integers(-1), g.integers(Number.MAX_SAFE_INTEGER), g.integers(1)]);
  stack.logits(last);
  return g.encode();
}

function attend(stack: DecoderStack, qkv: Value, lengths: readonly Value[], layer: number): Value {
  const { g, config } = stack;
  const { heads, kvHeads, headDim, slidingWindow } = config;
  const pasts = ["k", "v"].map((part) =>
    g.input(`past.${layer}.${part}`, "float32", [1, kvHeads, "P", headDim]),
  );
  const presents = ["k", "v"].map((part) =>
    g.output(`present.${layer}.${part}`, "float32", [1, kvHeads, "P_present", headDim]),
  );
  const inputs = [
    ...queryKeyValue(stack, qkv, layer),
    ...pasts,
    ...lengths,
    g.weight(WEIGHTS.rotaryCos),
    g.weight(WEIGHTS.rotarySin),
  ];
  const window = slidingWindow === undefined ? {} : { local_window_size: slidingWindow };
  const attributes = { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1, ...window };
  return g.node("GroupQueryAttention", inputs, attributes, [g.fresh("attention"), ...presents]);
}

/** The operator takes packed QKV as its first input; only heads to be normalised must be taken apart before. */
function queryKeyValue(stack: DecoderStack, qkv: Value, layer: number): readonly Value[] {
  if (!stack.config.qkNorm) return [qkv, "", ""];
  const { query, key, value } = stack.splitHeads(qkv, layer);
  return [query, key, value];
}
