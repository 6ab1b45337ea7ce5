/**
 * The graph of a decode worker: one token for each of B sequences. The cache is only read; the new token's keys and
 * values are returned, and the engine writes them into the cache, because the runtime copies whatever is returned.
 *
 * The cache comes in N pages of C tokens each. A page belongs to one sequence, at any place of the batch's pages, so
 * sequences of all lengths share a batch, and each of them is read to its own end.
 *
 *   in   input_ids int64 [B, 1]
 *        position_ids int64 [B, 1]              tokens before this one
 *        page_rows int64 [N]                    the row whose page this is; any row for a page that nobody has
 *        token_mask float32 [N, 1, 1, C]        0 where a page has a token, a large negative number where it has none
 *        row_pages int64 [B, 1, M]              the pages of row b, M being those of the longest, and any more of its own
 *        page_mask float32 [B, 1, M]            0 for the pages of row b, a large negative number for the rest
 *        past.{l}.…                             K and V of the pages: see attention/fp32-pages.ts, int8-pages.ts
 *   out  logits float32 [B, 1, vocab]
 *        new.{l}.k, new.{l}.v                   float32 [B, 1, kvHeads * headDim], keys after rotary embedding
 *
 * Each page is attended to for itself, and what its row makes of all of them follows from their weights.
 */
import type { PageDtype } from "@baton/core";
import { attendFp32Pages } from "./attention/fp32-pages.ts";
import { attendInt8Pages } from "./attention/int8-pages.ts";
import type { PageAnswers, PageAttention } from "./attention/page-attention.ts";
import { type DecoderSpec, DecoderStack } from "./decoder-stack.ts";
import { WEIGHTS } from "./decoder-weights.ts";
import type { Value } from "./graph-builder.ts";

const PAGE_ATTENTION: Readonly<Record<PageDtype, PageAttention>> = {
  fp32: attendFp32Pages,
  int8: attendInt8Pages,
};

/** Builds the decode graph for pages of elements of a type; returns the bytes of the model file. */
export function buildDecodeGraph(spec: DecoderSpec, pageDtype: PageDtype): Uint8Array {
  const stack = new DecoderStack("decode", spec);
  const { g, config } = stack;
  const inputIds = g.input("input_ids", "int64", ["B", 1]);
  const positions = g.input("position_ids", "int64", ["B", 1]);
  const places: Places = {
    pageRows: g.input("page_rows", "int64", ["N"]),
    tokenMask: g.input("token_mask", "float32", ["N", 1, 1, "C"]),
    rowPages: perHead(stack, g.input("row_pages", "int64", ["B", 1, "M"])),
    pageMask: g.input("page_mask", "float32", ["B", 1, "M"]),
  };
  g.output("logits", "float32", ["B", 1, config.vocabSize]);
  const hidden = stack.layers(inputIds, (qkv, layer) => {
    const token = projectToken(stack, qkv, positions, layer);
    const answers = PAGE_ATTENTION[pageDtype](stack, { query: token.query, ...places }, layer);
    return attend(stack, token, answers, places);
  });
  stack.logits(hidden);
  return g.encode();
}

/** Whose page is where. */
interface Places {
  readonly pageRows: Value;
  readonly tokenMask: Value;
  /** `[B, heads, M]`: page * heads + head. */
  readonly rowPages: Value;
  readonly pageMask: Value;
}

/** Where each head's part of each page is, among those of all pages and heads. */
function perHead({ g, config: { heads } }: DecoderStack, rowPages: Value): Value {
  const ofHead = g.node("Reshape", [g.integers(...Array(heads).keys()), g.integers(heads, 1)]);
  return g.node("Add", [g.node("Mul", [rowPages, g.integers(heads)]), ofHead]);
}

/** The new token in one layer. */
interface Token {
  /** `[B, kvHeads, group, headDim]`, after rotary embedding, scaled. */
  readonly query: Value;
  /** `[B, kvHeads, 1, headDim]`, after rotary embedding. */
  readonly key: Value;
  /** `[B, kvHeads, 1, headDim]` */
  readonly value: Value;
}

function projectToken(stack: DecoderStack, qkv: Value, positions: Value, layer: number): Token {
  const { g, config } = stack;
  const { heads, kvHeads, headDim } = config;
  const newCache = (part: string) => g.output(`new.${layer}.${part}`, "float32", ["B", 1, kvHeads * headDim]);
  const { query, key, value } = stack.splitHeads(qkv, layer, newCache("v"));
  const rotate = (input: Value, count: number, output?: Value) => {
    const inputs = [input, positions, g.weight(WEIGHTS.rotaryCos), g.weight(WEIGHTS.rotarySin)];
    const attributes = { num_heads: count, rotary_embedding_dim: 0 };
    return g.node("RotaryEmbedding", inputs, attributes, output === undefined ? undefined : [output]);
  };
  const perKvHead = g.integers(0, kvHeads, 1, headDim);
  const grouped = g.integers(0, kvHeads, heads / kvHeads, headDim);
  const groupedQuery = g.node("Reshape", [rotate(query, heads), grouped]);
  return {
    query: g.node("Mul", [groupedQuery, g.float(1 / Math.sqrt(headDim))]),
    key: g.node("Reshape", [rotate(key, kvHeads, newCache("k")), perKvHead]),
    value: g.node("Reshape", [value, perKvHead]),
  };
}

/** Softmax over the pages of each row and the new token together; returns `[B, 1, heads * headDim]`. */
function attend({ g, config }: DecoderStack, token: Token, pages: PageAnswers, places: Places): Value {
  const { kvHeads, headDim, heads } = config;
  const lastAxis = g.integers(-1);
  const { rowPages, pageMask } = places;

  // One row for each page and head.
  const pageWeights = g.node("Reshape", [pages.weight, lastAxis]);
  const pageValues = g.node("Reshape", [pages.value, g.integers(-1, headDim)]);
  const pastScores = g.node("Add", [g.node("Gather", [pageWeights, rowPages], { axis: 0 }), pageMask]);
  const products = g.node("Mul", [token.query, token.key]);
  const dots = g.node("ReduceSum", [products, lastAxis], { keepdims: 0 });
  const newScore = g.node("Reshape", [dots, g.integers(0, heads, 1)]);
  const scores = g.node("Concat", [pastScores, newScore], { axis: -1 });
  const weights = g.node("Softmax", [scores], { axis: -1 });

  const pastWeights = g.node("Slice", [weights, g.integers(0), lastAxis, lastAxis]);
  const newWeight = g.node("Slice", [weights, lastAxis, g.integers(Number.MAX_SAFE_INTEGER), lastAxis]);
  const pastValues = g.node("Gather", [pageValues, rowPages], { axis: 0 });
  const fromPast = g.node("MatMul", [g.node("Unsqueeze", [pastWeights, g.integers(2)]), pastValues]);
  const perGroup = g.integers(0, kvHeads, heads / kvHeads, -1);
  const fromNew = g.node("Mul", [g.node("Reshape", [newWeight, perGroup]), token.value]);
  const context = g.node("Add", [g.node("Reshape", [fromPast, perGroup]), fromNew]);
  return g.node("Reshape", [context, g.integers(0, 1, heads * headDim)]);
}
