/** Owns the pieces of all tokens of a tokenizer, and which of them are special. */
import { type PieceDecoder, readPieceDecoder, type TokenPiece } from "./token-pieces.ts";

/** What each token adds to a text. */
export interface Vocabulary {
  readonly pieces: readonly (TokenPiece | undefined)[];
  /** Special tokens by their text. */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly decoder: PieceDecoder;
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
}

/** @throws BatonError `invalid_argument` for a decoder that is not supported */
export function readVocabulary(tokenizerJson: Readonly<Record<string, unknown>>): Vocabulary {
  const decoder = readPieceDecoder(tokenizerJson.decoder);
  const { vocab } = tokenizerJson.model as { readonly vocab: Readonly<Record<string, number>> };
  const added = (tokenizerJson.added_tokens ?? []) as readonly AddedToken[];
  const pieces: (TokenPiece | undefined)[] = [];
  for (const [token, id] of Object.entries(vocab)) pieces[id] = decoder.pieceOf(token);
  for (const { content, id } of added) pieces[id] = { kind: "text", text: content };
  const special = added.filter((token) => token.special);
  return { pieces, decoder, specialTokens: new Map(special.map(({ content, id }) => [content, id])) };
}

/** The bytes of a piece. */
export function pieceBytes(piece: TokenPiece | undefined): Uint8Array {
  if (piece === undefined) return new Uint8Array();
  return piece.kind === "bytes" ? piece.bytes : new TextEncoder().encode(piece.text);
}
