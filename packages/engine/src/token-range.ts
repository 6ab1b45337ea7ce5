import { BatonError } from "@baton/core";

/** The embedding has no row for a token beyond the vocabulary, and the runtime fails the whole step over one. */
export function assertInVocabulary(tokenIds: readonly number[], vocabSize: number): void {
  const stranger = tokenIds.find((tokenId) => !(tokenId >= 0 && tokenId < vocabSize));
  if (stranger === undefined) return;
  throw new BatonError(
    "invalid_argument",
    `Cannot compute token "${stranger}": expected 0 to ${vocabSize - 1}, the vocabulary of the model`,
  );
}
