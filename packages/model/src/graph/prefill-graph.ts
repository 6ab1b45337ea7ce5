/**
 * The graph of a prefill worker: one chunk of one prompt, appended to its KV cache by GroupQueryAttention.
 *
 *   in   input_ids int64 [1, S]                 the chunk
 *        seqlens_k int32 [1]                    tokens in the cache after this chunk, minus 1
 *        total_sequence_length int32 []         tokens in the cache after this chunk
 *        past.{l}.k, past.{l}.v                 float32 [1, kvHeads, P, headDim], P at least that total
 *   out  logits float32 [1, 1, vocab]           of the chunk's last position
 *        present.{l}.k, present.{l}.v           as past; appended in place when given the same memory
 *
 * However a prompt is cut into chunks of two tokens or more, the results are the same, bit for bit. A chunk of one
 * token goes through the runtime's matrix-vector kernels, which add in another order: equal to about 1e-5 of the largest logit.
 */
import type { ModelConfig } from "../checkpoint/model-config.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { llamaStack, logits } from "./llama-stack.ts";
import { WEIGHTS } from "./llama-weights.ts";
import type { WeightPlan } from "./weight-plan.ts";

/** Builds the prefill graph; returns the bytes of the model file. */
export function buildPrefillGraph(config: ModelConfig, weights: WeightPlan, weightsFile: string): Uint8Array {
  const { heads, kvHeads, headDim, vocabSize } = config;
  const g = new GraphBuilder("prefill", weights, weightsFile);
  const inputIds = g.input("input_ids", "int64", [1, "S"]);
  const lengths = [g.input("seqlens_k", "int32", [1]), g.input("total_sequence_length", "int32", [])];
  g.output("logits", "float32", [1, 1, vocabSize]);
  const rotary = [g.weight(WEIGHTS.rotaryCos), g.weight(WEIGHTS.rotarySin)];
  const hidden = llamaStack(g, config, inputIds, (qkv, layer) => {
    const cache = (name: string) => `${name}.${layer}`;
    const pasts = ["k", "v"].map((part) =>
      g.input(`${cache("past")}.${part}`, "float32", [1, kvHeads, "P", headDim]),
    );
    const presents = ["k", "v"].map((part) =>
      g.output(`${cache("present")}.${part}`, "float32", [1, kvHeads, "P_present", headDim]),
    );
    const attributes = { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 };
    // No key and value inputs: the operator takes the packed QKV as its first.
    const inputs = [qkv, "", "", ...pasts, ...lengths, ...rotary];
    return g.node("GroupQueryAttention", inputs, attributes, [g.fresh("attention"), ...presents]);
  });
  const last = g.node("Slice", [hidden, g.integers(-1), g.integers(Number.MAX_SAFE_INTEGER), g.integers(1)]);
  logits(g, config, last);
  return g.encode();
}
