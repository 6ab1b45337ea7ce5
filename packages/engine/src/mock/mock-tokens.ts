/**
 * What a mock answers: every token is a pure function of the tokens before it and a seed, so that whoever knows the
 * function can check an answer to its last token. The state of a sequence is 32 bits wide and takes in every token, so
 * one that is lost, doubled or of another sequence changes everything that follows.
 */

/** What the function depends on besides the tokens; the same for all workers of a cluster. */
export interface MockTokenOptions {
  /** Tokens are 0 … vocabSize-1. */
  readonly vocabSize: number;
  /** Tokens that are never written: an answer ends by its length alone. */
  readonly stopTokenIds: readonly number[];
  /** Unsigned 32-bit. */
  readonly seed: number;
}

export class MockTokens {
  readonly #vocabSize: number;
  readonly #unwritten: ReadonlySet<number>;
  /** State of the empty sequence. */
  readonly start: number;

  /** @throws RangeError when no token is left to write. */
  constructor({ vocabSize, stopTokenIds, seed }: MockTokenOptions) {
    this.#vocabSize = vocabSize;
    this.#unwritten = new Set(stopTokenIds);
    this.start = mix(0x6261_746f, seed);
    if (this.#unwritten.size >= vocabSize) {
      throw new RangeError(
        `Cannot write tokens: ${vocabSize} are known, of which ${this.#unwritten.size} end an answer`,
      );
    }
  }

  /** State of a sequence in `state` that goes on with `tokenId`. */
  after(state: number, tokenId: number): number {
    return mix(state, tokenId);
  }

  /** The token that follows a sequence in `state`. */
  next(state: number): number {
    let token = (mix(state, 0x746f_6b65) >>> 0) % this.#vocabSize;
    while (this.#unwritten.has(token)) token = (token + 1) % this.#vocabSize;
    return token;
  }

  /** The first `count` tokens of the answer to a prompt. */
  answer(promptTokenIds: readonly number[], count: number): number[] {
    let state = this.start;
    for (const tokenId of promptTokenIds) state = this.after(state, tokenId);
    return Array.from({ length: count }, () => {
      const token = this.next(state);
      state = this.after(state, token);
      return token;
    });
  }
}

/** Mixes two numbers into signed 32 bits (the finaliser of MurmurHash3). */
function mix(a: number, b: number): number {
  let h = (Math.imul(a, 0x9e3779b1) + b) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
