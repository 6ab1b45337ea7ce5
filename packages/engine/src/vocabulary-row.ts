/**
 * Owns the memory in which one row of logits is sampled, and the passes over the vocabulary: four tokens at a time, in
 * WebAssembly (`kernels/vocabulary-kernel.wat`), whose vector instructions compute the same bits on every machine.
 *
 *   R1  Tokens have an order: the larger logit first, of equal ones the smaller id.
 *   R2  What `from` returns and the weights share memory: `at` and `weighsMoreFrom` come after `weigh`.
 */
import { VOCABULARY_KERNEL } from "./generated/vocabulary-kernel.ts";
import { newWasmMemory, wasmFunctions } from "./kernels/wasm-memory.ts";

interface Kernel {
  readonly largest: (bytes: number) => number;
  readonly gatherFrom: (bytes: number, floor: number) => number;
  readonly weigh: (bytes: number, maximum: number, scale: number, floor: number) => number;
  readonly weighsMoreFrom: (bytes: number, id: number, logit: number, limit: number) => number;
}

/** Tokens whose weights are added up into one sum. */
const BLOCK = 256;

/** The logits and weights of all tokens. */
export class VocabularyRow {
  /** Of each token, for the holder to fill and to change. */
  readonly logits: Float32Array;
  readonly #kernel: Kernel;
  readonly #bytes: number;
  readonly #ids: Int32Array;
  readonly #weights: Float32Array;
  readonly #sums: Float64Array;

  constructor(vocabSize: number) {
    const blocks = Math.ceil(vocabSize / BLOCK);
    const bytes = blocks * BLOCK * Float32Array.BYTES_PER_ELEMENT;
    const sumBytes = blocks * Float64Array.BYTES_PER_ELEMENT;
    const memory = newWasmMemory(2 * bytes + sumBytes);
    // What is behind the last token, up to a whole block, is never chosen.
    new Float32Array(memory.buffer, 0, blocks * BLOCK).fill(Number.NEGATIVE_INFINITY);
    this.#kernel = wasmFunctions(VOCABULARY_KERNEL, memory) as Kernel;
    this.#bytes = bytes;
    this.logits = new Float32Array(memory.buffer, 0, vocabSize);
    this.#ids = new Int32Array(memory.buffer, bytes, vocabSize);
    this.#weights = new Float32Array(memory.buffer, bytes, vocabSize);
    this.#sums = new Float64Array(memory.buffer, 2 * bytes, blocks);
  }

  /** The largest logit; NaN where any is NaN. */
  largest(): number {
    return this.#kernel.largest(this.#bytes);
  }

  /** The ids of all tokens whose logits are at least `floor`, in rising order. R2 */
  from(floor: number): Int32Array {
    return this.#ids.subarray(0, this.#kernel.gatherFrom(this.#bytes, floor));
  }

  /**
   * Weighs all tokens: 2^((logit - maximum) * scale), and 0 below `floor`. Returns the sum.
   * @param maximum the largest logit
   * @param floor such that the exponent is -126 or more
   */
  weigh(maximum: number, scale: number, floor: number): number {
    return this.#kernel.weigh(this.#bytes, maximum, scale, floor);
  }

  /** Whether a token and those behind it (R1) weigh more than `limit` together. */
  weighsMoreFrom(id: number, limit: number): boolean {
    return this.#kernel.weighsMoreFrom(this.#bytes, id, this.logits[id]!, limit) === 1;
  }

  /** The token at `target` of the weight of all, in the order of ids; `target` is less than the sum. */
  at(target: number): number {
    let sum = 0;
    let block = 0;
    while (sum + this.#sums[block]! <= target) sum += this.#sums[block++]!;
    let found = -1;
    const end = Math.min((block + 1) * BLOCK, this.#weights.length);
    for (let id = block * BLOCK; id < end && sum <= target; id++) {
      const weight = this.#weights[id]!;
      if (weight === 0) continue;
      sum += weight;
      found = id; // The block's last one, where rounding made its sum larger than that of its weights.
    }
    return found;
  }
}
