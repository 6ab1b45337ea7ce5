/**
 * Turns a growing list of tokens into text that can be sent as it comes. Each token is decoded once.
 *
 *   T1  What push and flush returned, joined, is the text of all tokens, whatever segments they came in.
 *   T2  Text that was returned is never changed by a later token: a character is returned when it is complete. At most
 *       three bytes are held back, the longest beginning of a UTF-8 character that is no character yet.
 */
import type { TokenPiece } from "./token-pieces.ts";

/** What a detokenizer needs of a tokenizer. */
export interface PieceSource {
  readonly leadingSpaces: number;
  piece(id: number): TokenPiece | undefined;
  isSpecial(id: number): boolean;
}

/** How the text is put together. */
export interface DetokenizerOptions {
  /** Leave special tokens out; default true. */
  readonly skipSpecial?: boolean;
  /** Special tokens that are text all the same. */
  readonly kept?: ReadonlySet<string>;
  /**
   * True when the tokens begin a text, false (default) when they go on after a prompt. It matters to tokenizers that
   * put a space before a text: as a beginning it is dropped, in an answer it separates two words.
   */
  readonly startsText?: boolean;
}

/** A text in the making; one for each answer. */
export class Detokenizer {
  readonly #source: PieceSource;
  readonly #skipSpecial: boolean;
  readonly #kept: ReadonlySet<string>;
  /** Keeps the bytes of an incomplete character, and replaces invalid ones, by the rules of the Encoding Standard. */
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  #spacesToDrop: number;

  constructor(source: PieceSource, options: DetokenizerOptions = {}) {
    this.#source = source;
    this.#skipSpecial = options.skipSpecial ?? true;
    this.#kept = options.kept ?? new Set();
    this.#spacesToDrop = options.startsText ? source.leadingSpaces : 0;
  }

  /** Adds tokens; returns the text that they complete, `""` if none. An id outside the vocabulary adds nothing. */
  push(ids: readonly number[]): string {
    let text = "";
    for (const id of ids) {
      const piece = this.#source.piece(id);
      if (!piece || (this.#skipSpecial && this.#source.isSpecial(id) && !this.#isKept(piece))) continue;
      text +=
        piece.kind === "bytes" ? this.#utf8.decode(piece.bytes, { stream: true }) : this.flush() + piece.text;
    }
    return this.#withoutLeadingSpaces(text);
  }

  /** Ends the bytes so far: a character that was begun and will not be completed becomes U+FFFD. */
  flush(): string {
    return this.#utf8.decode();
  }

  #isKept(piece: TokenPiece): boolean {
    return piece.kind === "text" && this.#kept.has(piece.text);
  }

  #withoutLeadingSpaces(text: string): string {
    if (this.#spacesToDrop === 0 || text === "") return text;
    let begin = 0;
    while (begin < this.#spacesToDrop && text[begin] === " ") begin++;
    this.#spacesToDrop = begin === text.length ? this.#spacesToDrop - begin : 0;
    return text.slice(begin);
  }
}

/** A detokenizer for an answer that goes on after a prompt; special tokens are left out. */
export function createDetokenizer(tokenizer: PieceSource, options: DetokenizerOptions = {}): Detokenizer {
  return new Detokenizer(tokenizer, options);
}
