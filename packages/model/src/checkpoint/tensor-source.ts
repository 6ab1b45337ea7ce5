/** Where a checkpoint's tensors come from, in whatever files and float types they are stored. */

/** What a checkpoint says of a tensor. */
export interface TensorInfo {
  readonly name: string;
  /** Path of the file that holds it. */
  readonly file: string;
  /** As the file spells it, for example `BF16`. */
  readonly dtype: string;
  /** Row-major dimensions. */
  readonly shape: readonly number[];
}

/** Named tensors, read in pieces so that a model need not fit in memory twice. Disposing of it closes the files. */
export interface TensorSource extends AsyncDisposable {
  /** The file that lists the tensors, for messages. */
  readonly path: string;
  find(name: string): TensorInfo | undefined;
  /**
   * The tensor's values in order, row-major, as float32.
   * @throws BatonError `invalid_argument`, naming file and tensor, when the file is cut or a value is not finite.
   */
  read(name: string): AsyncIterable<Float32Array>;
}
