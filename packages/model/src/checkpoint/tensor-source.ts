/** Where a checkpoint's tensors come from. One safetensors file today; shards and conversions fit behind it. */

/** What a checkpoint says of a tensor. */
export interface TensorInfo {
  readonly name: string;
  /** As the file spells it, for example `F32`. */
  readonly dtype: string;
  /** Row-major dimensions. */
  readonly shape: readonly number[];
}

/** Named tensors, read in pieces so that a model need not fit in memory twice. Disposing of it closes the files. */
export interface TensorSource extends AsyncDisposable {
  /** For messages. */
  readonly path: string;
  find(name: string): TensorInfo | undefined;
  /** The tensor's bytes, little-endian, in order. @throws BatonError when there is no such tensor or the file is cut. */
  read(name: string): AsyncIterable<Uint8Array>;
}
