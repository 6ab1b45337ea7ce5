/** Tokens of an answer with their log-probabilities, as clients are told of them, and the text each belongs to. */
import type { TokenLogprobs } from "@baton/core";
import type { Tokenizer } from "@baton/tokenizer";

/** A token and how likely the model found it. */
export interface ScoredToken {
  readonly id: number;
  /** Its text; where its bytes are no whole characters, they are written out, for example `\xf0\x9f`. */
  readonly text: string;
  readonly bytes: readonly number[];
  /** Natural logarithm of its probability. */
  readonly logprob: number;
}

/** A token of the answer. */
export interface AnswerToken extends ScoredToken {
  /** The most likely tokens in its place. */
  readonly top: readonly ScoredToken[];
  /** Characters (code points) of the answer before it. */
  readonly offset: number;
}

type Pieces = Pick<Tokenizer, "piece">;

/**
 * Tokens whose text has not been sent yet. A token goes with the text in which it begins, so one that begins with or
 * after a stop string is never sent, and one that only goes on with a character waits for the character.
 */
export class AnswerTokens {
  readonly #pieces: Pieces;
  readonly #waiting: { readonly token: AnswerToken; readonly start: number }[] = [];
  #sent = 0;

  constructor(pieces: Pieces) {
    this.#pieces = pieces;
  }

  /** Adds a token that begins after the `before` text, sent or not. */
  add(tokenId: number, { logprob, top }: TokenLogprobs, before: string): void {
    const scored = (id: number, value: number) => ({ id, ...spell(this.#pieces, id), logprob: value });
    const token = {
      ...scored(tokenId, logprob),
      top: top.map((entry) => scored(entry.tokenId, entry.logprob)),
      offset: [...before].length,
    };
    this.#waiting.push({ token, start: before.length });
  }

  /** The tokens that go with a text that is sent now. */
  take(text: string): readonly AnswerToken[] {
    this.#sent += text.length;
    const later = this.#waiting.findIndex(({ start }) => start >= this.#sent);
    return this.#remove(later === -1 ? this.#waiting.length : later);
  }

  /** What is left at the end of an answer that no stop string has ended. */
  takeAll(): readonly AnswerToken[] {
    return this.#remove(this.#waiting.length);
  }

  #remove(count: number): readonly AnswerToken[] {
    return this.#waiting.splice(0, count).map(({ token }) => token);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function spell(
  pieces: Pieces,
  tokenId: number,
): { readonly text: string; readonly bytes: readonly number[] } {
  const piece = pieces.piece(tokenId);
  if (piece === undefined) return { text: "", bytes: [] };
  if (piece.kind === "text") return { text: piece.text, bytes: [...Buffer.from(piece.text)] };
  const bytes = [...piece.bytes];
  try {
    return { text: utf8.decode(piece.bytes), bytes };
  } catch {
    return { text: bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""), bytes };
  }
}
