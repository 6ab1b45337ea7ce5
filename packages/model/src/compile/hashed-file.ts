/** A file that is written from its beginning to its end, and hashed on the way. */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";

/** Small pieces are collected up to this many bytes: quantized rows come by the thousand. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/** Disposing of it closes the file. */
export class HashedFile implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #onBytes: ((bytes: number) => void) | undefined;
  readonly #hash = createHash("sha256");
  #pieces: Uint8Array[] = [];
  #pending = 0;
  #length = 0;

  private constructor(file: FileHandle, onBytes?: (bytes: number) => void) {
    this.#file = file;
    this.#onBytes = onBytes;
  }

  /** Creates the file, or empties it. `onBytes` is told of each piece written. */
  static async create(path: string, onBytes?: (bytes: number) => void): Promise<HashedFile> {
    return new HashedFile(await open(path, "w"), onBytes);
  }

  /** Appends bytes, which must not change afterwards. */
  async append(bytes: Uint8Array): Promise<void> {
    this.#pieces.push(bytes);
    this.#pending += bytes.length;
    this.#length += bytes.length;
    if (this.#pending >= BUFFER_BYTES) await this.#flush();
  }

  /** Appends zeros until the file has `length` bytes. */
  async padTo(length: number): Promise<void> {
    await this.append(new Uint8Array(length - this.#length));
  }

  /** Writes what is still pending; returns the SHA-256 of the whole file, lower-case hex. */
  async finish(): Promise<string> {
    await this.#flush();
    return this.#hash.digest("hex");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pending = 0;
    await this.#file.appendFile(bytes);
    this.#hash.update(bytes);
    this.#onBytes?.(bytes.length);
  }
}
