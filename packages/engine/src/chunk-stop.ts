/**
 * Owns how the computation of a chunk is left half-way, from another thread.
 *
 * `onnxruntime-node` cannot be told to end a run: of `RunOptions` it reads the tag and the log level, not `terminate`. But
 * a graph's input may lie in memory that other threads write to, and a node that reads it there may refuse it. So each
 * layer of the prefill graph gives its answer a shape that is such an input: any shape that the answer has, until the
 * chunk is stopped; then one that nothing can have, and the run ends with an error in the layer that it has come to.
 */

/** "As it is, as it is, what is left": true of every tensor with three dimensions. */
const ANY_SHAPE = [0n, 0n, -1n] as const;
const NO_DIMENSION = -2n;
const RANK = ANY_SHAPE.length;

/** Whether somebody still wants a chunk, seen by both threads. */
export class ChunkStop {
  /** The graph's input, int64 `[3]`. */
  readonly shape: BigInt64Array;

  private constructor(shape: BigInt64Array) {
    this.shape = shape;
  }

  /** Memory for the chunks of one step. */
  static allocate(chunks: number): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(chunks * RANK * BigInt64Array.BYTES_PER_ELEMENT);
    const shapes = new BigInt64Array(buffer);
    for (let chunk = 0; chunk < chunks; chunk++) shapes.set(ANY_SHAPE, chunk * RANK);
    return buffer;
  }

  /** That of one chunk of the step. */
  static at(buffer: SharedArrayBuffer, chunk: number): ChunkStop {
    return new ChunkStop(new BigInt64Array(buffer, chunk * RANK * BigInt64Array.BYTES_PER_ELEMENT, RANK));
  }

  /** One for a chunk that is always wanted. */
  static never(): ChunkStop {
    return ChunkStop.at(ChunkStop.allocate(1), 0);
  }

  /** The chunk is not wanted any more; nothing follows if it is computed already. */
  set(): void {
    Atomics.store(this.shape, RANK - 1, NO_DIMENSION);
  }

  get isSet(): boolean {
    return Atomics.load(this.shape, RANK - 1) === NO_DIMENSION;
  }
}
