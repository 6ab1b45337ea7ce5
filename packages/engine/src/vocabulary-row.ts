/**
 * Owns the memory in which one row of logits is sampled, and the passes over the vocabulary: four tokens at a time, in
 * WebAssembly (`vocabulary-kernel.wat`), whose vector instructions compute the same bits on every machine.
 *
 *   R1  Tokens have an order: the larger logit first, of equal ones the smaller id.
 *   R2  `at` finds among the weights that the last of `weigh` and `weightBefore` added up.
 *   R3  What `from` returns and the weights share memory.
 */
import { VOCABULARY_KERNEL } from "./generated/vocabulary-kernel.ts";

/** What is used of WebAssembly: Node's types leave it out, those of browsers bring a whole browser. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

interface Kernel {
  readonly largest: (bytes: number) => number;
  readonly gatherFrom: (bytes: number, floor: number) => number;
  readonly weigh: (bytes: number, maximum: number, scale: number, floor: number) => number;
  readonly weightBefore: (bytes: number, id: number, logit: number) => number;
}

/** Tokens whose weights are added up into one sum. */
const BLOCK = 256;
const PAGE_BYTES = 65_536;

/** The logits and weights of all tokens. */
export class VocabularyRow {
  /** Of each token, for the holder to fill and to change. */
  readonly logits: Float32Array;
  readonly #kernel: Kernel;
  readonly #bytes: number;
  readonly #ids: Int32Array;
  readonly #weights: Float32Array;
  readonly #sums: Float64Array;
  /** R2: the tokens before this one were added up. */
  #end: { readonly id: number; readonly logit: number };

  constructor(vocabSize: number) {
    const blocks = Math.ceil(vocabSize / BLOCK);
    const bytes = blocks * BLOCK * Float32Array.BYTES_PER_ELEMENT;
    const sumBytes = blocks * Float64Array.BYTES_PER_ELEMENT;
    const memory = new WebAssembly.Memory({ initial: Math.ceil((2 * bytes + sumBytes) / PAGE_BYTES) });
    // What is behind the last token, up to a whole block, is never chosen.
    new Float32Array(memory.buffer, 0, blocks * BLOCK).fill(Number.NEGATIVE_INFINITY);
    const module = new WebAssembly.Module(Buffer.from(VOCABULARY_KERNEL, "base64"));
    this.#kernel = new WebAssembly.Instance(module, { engine: { memory } }).exports as Kernel;
    this.#bytes = bytes;
    this.logits = new Float32Array(memory.buffer, 0, vocabSize);
    this.#ids = new Int32Array(memory.buffer, bytes, vocabSize);
    this.#weights = new Float32Array(memory.buffer, bytes, vocabSize);
    this.#sums = new Float64Array(memory.buffer, 2 * bytes, blocks);
    this.#end = this.#behindAll();
  }

  /** The largest logit; NaN where any is NaN. */
  largest(): number {
    return this.#kernel.largest(this.#bytes);
  }

  /** The ids of all tokens whose logits are at least `floor`, in rising order. R3 */
  from(floor: number): Int32Array {
    return this.#ids.subarray(0, this.#kernel.gatherFrom(this.#bytes, floor));
  }

  /**
   * Weighs all tokens: 2^((logit - maximum) * scale), and 0 below `floor`. Returns the sum.
   * @param maximum the largest logit
   * @param floor such that the exponent is -126 or more
   */
  weigh(maximum: number, scale: number, floor: number): number {
    this.#end = this.#behindAll();
    return this.#kernel.weigh(this.#bytes, maximum, scale, floor);
  }

  /** The sum of the weights of all tokens before a token. R1 */
  weightBefore(id: number): number {
    const logit = this.logits[id]!;
    this.#end = { id, logit };
    return this.#kernel.weightBefore(this.#bytes, id, logit);
  }

  /** The token at `target` of the weight that was added up (R2), in the order of ids; `target` is less than that. */
  at(target: number): number {
    const weights = this.#weights;
    let sum = 0;
    let block = 0;
    while (sum + this.#sums[block]! <= target) sum += this.#sums[block++]!;
    let last = -1;
    const end = Math.min((block + 1) * BLOCK, weights.length);
    for (let id = block * BLOCK; id < end && sum <= target; id++) {
      if (weights[id] === 0 || !this.#isCounted(id)) continue;
      sum += weights[id]!;
      last = id; // Also where rounding makes the block's sum larger than that of its weights.
    }
    return last;
  }

  #isCounted(id: number): boolean {
    const end = this.#end;
    const logit = this.logits[id]!;
    return logit > end.logit || (logit === end.logit && id < end.id);
  }

  #behindAll() {
    return { id: this.logits.length, logit: Number.NEGATIVE_INFINITY };
  }
}
