/** Owns what a grammar must know of a tokenizer: the bytes that each token adds to the text. */

/** Plain data; threads share its memory. */
export interface TokenVocabulary {
  /** The bytes of all tokens, one after the other. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Where each token's bytes end; as long as the model's vocabulary. */
  readonly ends: Uint32Array<SharedArrayBuffer>;
}

/** @param bytesOf a token's bytes; none for one that adds nothing to the text, which no grammar then allows */
export function tokenVocabulary(size: number, bytesOf: (id: number) => Uint8Array): TokenVocabulary {
  const pieces = Array.from({ length: size }, (_, id) => bytesOf(id));
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const bytes = new Uint8Array(new SharedArrayBuffer(total));
  const ends = new Uint32Array(new SharedArrayBuffer(size * Uint32Array.BYTES_PER_ELEMENT));
  let at = 0;
  for (const [id, piece] of pieces.entries()) {
    bytes.set(piece, at);
    at += piece.length;
    ends[id] = at;
  }
  return { bytes, ends };
}

/** The bytes of each token, copied: the matcher's library takes no shared memory. */
export function tokenBytes({ bytes, ends }: TokenVocabulary): Uint8Array[] {
  return Array.from(ends, (end, id) => bytes.slice(id === 0 ? 0 : ends[id - 1]!, end));
}
