/**
 * Rewrites the pre-tokenizer `Digits`, which SmolLM2 has: the library splits at \d, the reference implementation at
 * every numeric character, such as ½ and ². The same as a `Split` it does right.
 */
type Json = Readonly<Record<string, unknown>>;

/** A tokenizer.json that means the same and has no `Digits`. */
export function withNumericSplits(tokenizerJson: Json): Json {
  return { ...tokenizerJson, pre_tokenizer: rewritten(tokenizerJson.pre_tokenizer) };
}

function rewritten(preTokenizer: unknown): unknown {
  const step = (preTokenizer ?? {}) as Json;
  if (step.type === "Sequence" && Array.isArray(step.pretokenizers)) {
    return { ...step, pretokenizers: step.pretokenizers.map(rewritten) };
  }
  if (step.type !== "Digits") return preTokenizer;
  const pattern = { Regex: step.individual_digits ? "\\p{N}" : "\\p{N}+" };
  return { type: "Split", pattern, behavior: "Isolated", invert: false };
}
