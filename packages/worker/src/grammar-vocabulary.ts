/** The tokens of a model as grammars see them: special ones are no text, but for those that mark tool calls. */
import { type TokenVocabulary, tokenVocabulary } from "@baton/engine";
import { readTokenizerFiles } from "@baton/model";
import { CALL_MARKERS, pieceBytes, readVocabulary } from "@baton/tokenizer";

/** @param size of the model's vocabulary: there may be more logits than tokens */
export async function grammarVocabulary(folder: string, size: number): Promise<TokenVocabulary> {
  const { tokenizerJson } = await readTokenizerFiles(folder);
  const { pieces, specialTokens } = readVocabulary(tokenizerJson);
  const silent = new Set([...specialTokens].filter(([text]) => !CALL_MARKERS.has(text)).map(([, id]) => id));
  return tokenVocabulary(size, (id) => pieceBytes(silent.has(id) ? undefined : pieces[id]));
}
