/**
 * Owns the memory in which vectors of floats become bytes: `vector = levels * scale`, each with a scale of its own, the
 * largest magnitude / 127. In WebAssembly (`kernels/int8-kernel.wat`), four elements at a time: a tenth of the time.
 */
import { BatonError } from "@baton/core";
import { INT8_KERNEL } from "../generated/int8-kernel.ts";
import { newWasmMemory, wasmFunctions } from "../kernels/wasm-memory.ts";

interface Kernel {
  readonly quantize: (
    from: number,
    count: number,
    bytes: number,
    to: number,
    vectorStep: number,
    levelStep: number,
    scales: number,
    sums: number,
  ) => void;
}

/** Elements that the kernel takes at a time. */
const LANES = 4;

export class Int8Quantizer {
  /** `[most][elements]`, for the holder to fill. */
  readonly vectors: Float32Array;
  /** `[most][elements]`, or `[elements][most]`. */
  readonly levels: Int8Array;
  /** Of each vector that was quantized last. A vector of zeros has 0; one with an element that is no number has none. */
  readonly scales: Float32Array;
  /** Of the levels of each vector that was quantized last. */
  readonly sums: Float32Array;
  readonly #kernel: Kernel;
  readonly #most: number;
  readonly #elements: number;

  /**
   * @param elements of a vector
   * @param most vectors at once
   * @throws BatonError `invalid_argument` if `elements` is not a multiple of 4
   */
  constructor(elements: number, most: number) {
    if (elements % LANES !== 0) {
      throw new BatonError(
        "invalid_argument",
        `Cannot keep KV as int8: heads have ${elements} elements, expected a multiple of ${LANES}`,
      );
    }
    this.#elements = elements;
    this.#most = most;
    const size = most * elements;
    const memory = newWasmMemory(size * 5 + most * 8);
    this.vectors = new Float32Array(memory.buffer, 0, size);
    this.scales = new Float32Array(memory.buffer, size * 4, most);
    this.sums = new Float32Array(memory.buffer, size * 4 + most * 4, most);
    this.levels = new Int8Array(memory.buffer, size * 4 + most * 8, size);
    this.#kernel = wasmFunctions(INT8_KERNEL, memory) as Kernel;
  }

  /** Quantizes the first `count` vectors to `levels[vector][element]`. */
  quantizeRows(count: number): void {
    this.#quantize(count, this.levels.byteOffset, this.#elements, 1);
  }

  /** Quantizes the first `count` vectors to `levels[element][first + vector]`. */
  quantizeColumns(first: number, count: number): void {
    this.#quantize(count, this.levels.byteOffset + first, 1, this.#most);
  }

  #quantize(count: number, to: number, vectorStep: number, levelStep: number): void {
    const bytes = this.#elements * Float32Array.BYTES_PER_ELEMENT;
    const { byteOffset: scales } = this.scales;
    this.#kernel.quantize(0, count, bytes, to, vectorStep, levelStep, scales, this.sums.byteOffset);
  }
}
