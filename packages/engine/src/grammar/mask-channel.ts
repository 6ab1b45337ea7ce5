/**
 * Owns the memory through which a sequence's grammar thread and the engine thread take turns: the tokens that may come
 * next go one way, the chosen token the other. The grammar thread finds the next mask while the engine computes the
 * next logits.
 *
 *   C1  Only the one whose turn it is writes: the matcher in `matching` and `chosen`, the sampler in `masked`.
 *   C2  `ended` is final; whoever sets it wakes the other.
 */
import { BatonError } from "@baton/core";

const STATE = 0;
const ACCEPTED = 1;
const TOKEN = 2;
const HEADER = 3;

const STATES = { matching: 0, masked: 1, chosen: 2, ended: 3 } as const;

/** How long a sampler waits for a mask; a thread that is alive needs milliseconds. */
const PATIENCE_MS = 30_000;

/** Memory for one sequence. */
export function createMaskChannel(vocabSize: number): SharedArrayBuffer {
  return new SharedArrayBuffer((HEADER + Math.ceil(vocabSize / 32)) * Int32Array.BYTES_PER_ELEMENT);
}

/** Ends a channel: no mask comes any more. */
export function endMaskChannel(channel: SharedArrayBuffer): void {
  const words = new Int32Array(channel);
  Atomics.store(words, STATE, STATES.ended);
  Atomics.notify(words, STATE);
}

/** The grammar thread's end. */
export class MaskWriter {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(channel: SharedArrayBuffer) {
    this.#words = new Int32Array(channel);
  }

  get ended(): boolean {
    return Atomics.load(this.#words, STATE) === STATES.ended;
  }

  /** Hands over the mask of what may follow `accepted` tokens; resolves with the chosen token, undefined at the end. */
  async next(mask: Int32Array, accepted: number): Promise<number | undefined> {
    const words = this.#words;
    words.set(mask, HEADER);
    words[ACCEPTED] = accepted;
    const before = Atomics.load(words, STATE);
    if (before === STATES.ended) return undefined;
    if (Atomics.compareExchange(words, STATE, before, STATES.masked) !== before) return undefined; // C2
    Atomics.notify(words, STATE);
    const { async: isAsync, value } = Atomics.waitAsync(words, STATE, STATES.masked);
    if (isAsync) await value;
    return this.ended ? undefined : words[TOKEN]!;
  }
}

/** The sampler's end, in the engine thread. */
export class MaskReader {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(channel: SharedArrayBuffer) {
    this.#words = new Int32Array(channel);
  }

  /**
   * Makes impossible what the grammar does not allow as token `outputIndex` of the answer.
   * @throws BatonError `internal` when no mask comes, or that of another place
   */
  apply(logits: Float32Array, outputIndex: number): void {
    const words = this.#words;
    for (
      let state = Atomics.load(words, STATE);
      state !== STATES.masked;
      state = Atomics.load(words, STATE)
    ) {
      if (state === STATES.ended) throw broken("its grammar thread ended");
      if (Atomics.wait(words, STATE, state, PATIENCE_MS) === "timed-out")
        throw broken("its mask did not come");
    }
    if (words[ACCEPTED] !== outputIndex)
      throw broken(`the mask is for token ${words[ACCEPTED]}, expected ${outputIndex}`);
    if (!mask(logits, words.subarray(HEADER))) throw broken("the grammar allows no token of the vocabulary");
  }

  /** Says which token was chosen. */
  choose(tokenId: number): void {
    this.#words[TOKEN] = tokenId;
    const before = Atomics.compareExchange(this.#words, STATE, STATES.masked, STATES.chosen);
    if (before === STATES.masked) Atomics.notify(this.#words, STATE);
  }
}

/** Bit b of word w is token 32w + b. Returns whether any is allowed. */
function mask(logits: Float32Array, words: Int32Array): boolean {
  let any = 0;
  for (let word = 0; word < words.length; word++) {
    const bits = words[word]!;
    any |= bits;
    if (bits === -1) continue;
    const base = word * 32;
    const end = Math.min(base + 32, logits.length);
    if (bits === 0) {
      logits.fill(Number.NEGATIVE_INFINITY, base, end);
      continue;
    }
    for (let id = base; id < end; id++) {
      if (((bits >>> (id - base)) & 1) === 0) logits[id] = Number.NEGATIVE_INFINITY;
    }
  }
  return any !== 0;
}

function broken(why: string): BatonError {
  return new BatonError("internal", `Cannot constrain the answer: ${why}`);
}
