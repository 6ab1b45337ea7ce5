/**
 * The safetensors format. A file is: header length (u64, little-endian), header (JSON: tensor name to
 * `{ dtype, shape, data_offsets: [begin, end] }`), then the data that the offsets count from.
 */
import { type FileHandle, open } from "node:fs/promises";
import { BatonError } from "@baton/core";
import { z } from "zod";
import { FLOAT_READERS } from "./float-formats.ts";
import { fileError } from "./json-file.ts";
import type { TensorInfo, TensorSource } from "./tensor-source.ts";

const LENGTH_BYTES = 8;
/** The limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;
const CHUNK_BYTES = 4 * 1024 * 1024;

const DTYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
};

const offset = z.int().min(0);
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)),
  data_offsets: z.tuple([offset, offset]),
});
const headerSchema = z.record(z.string(), z.unknown());

interface StoredTensor extends TensorInfo {
  /** Offset of the first byte in the file. */
  readonly begin: number;
  readonly bytes: number;
}

/**
 * Opens a safetensors file and checks its header against its size. The caller disposes of the source.
 * @throws BatonError `not_found` or `invalid_argument`, naming the file and the tensor at fault.
 */
export async function openSafetensors(path: string): Promise<TensorSource> {
  const file = await openFile(path);
  try {
    return new SafetensorsFile(path, file, await readHeader(path, file));
  } catch (error) {
    await file.close();
    throw error;
  }
}

class SafetensorsFile implements TensorSource {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #tensors: ReadonlyMap<string, StoredTensor>;

  constructor(path: string, file: FileHandle, tensors: ReadonlyMap<string, StoredTensor>) {
    this.path = path;
    this.#file = file;
    this.#tensors = tensors;
  }

  find(name: string): TensorInfo | undefined {
    return this.#tensors.get(name);
  }

  async *read(name: string): AsyncGenerator<Float32Array> {
    const tensor = this.#tensors.get(name);
    const toFloats = FLOAT_READERS.get(tensor?.dtype ?? "");
    if (!tensor || !toFloats) {
      throw new BatonError("internal", `Cannot read tensor "${name}" of "${this.path}": expected floats`);
    }
    const end = tensor.begin + tensor.bytes;
    for (let position = tensor.begin; position < end; position += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, end - position);
      const values = toFloats(await readExactly(this.path, this.#file, position, length));
      const at = values.findIndex((value) => !Number.isFinite(value));
      if (at >= 0) {
        const element = (position - tensor.begin) / DTYPE_BYTES[tensor.dtype]! + at;
        throw invalid(
          this.path,
          `tensor "${name}" is ${values[at]} at element ${element}, expected finite numbers`,
        );
      }
      yield values;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}

async function readHeader(path: string, file: FileHandle): Promise<ReadonlyMap<string, StoredTensor>> {
  const { size } = await file.stat();
  if (size < LENGTH_BYTES) throw invalid(path, `it has ${size} bytes, expected at least ${LENGTH_BYTES}`);
  const declared = (await readExactly(path, file, 0, LENGTH_BYTES)).readBigUInt64LE();
  const limit = Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES);
  if (declared > BigInt(limit)) {
    throw invalid(
      path,
      `its header claims ${declared} bytes, expected at most ${limit} in a file of ${size}`,
    );
  }
  const length = Number(declared);
  const entries = parseHeader(path, await readExactly(path, file, LENGTH_BYTES, length));
  const dataBegin = LENGTH_BYTES + length;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(entries)) {
    if (name !== "__metadata__") tensors.set(name, readEntry(path, name, entry, dataBegin, size));
  }
  return tensors;
}

function parseHeader(path: string, json: Buffer): Record<string, unknown> {
  try {
    return headerSchema.parse(JSON.parse(json.toString("utf8")));
  } catch (cause) {
    throw invalid(path, "its header is not a JSON object", cause);
  }
}

function readEntry(
  path: string,
  name: string,
  entry: unknown,
  dataBegin: number,
  fileBytes: number,
): StoredTensor {
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) {
    const found = JSON.stringify(entry).slice(0, 120);
    throw invalid(path, `tensor "${name}" is described as ${found}, expected dtype, shape and data_offsets`);
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const elementBytes = DTYPE_BYTES[dtype];
  if (elementBytes === undefined) {
    const known = Object.keys(DTYPE_BYTES).join(", ");
    throw invalid(path, `tensor "${name}" has the dtype "${dtype}", expected one of ${known}`);
  }
  const bytes = shape.reduce((product, dimension) => product * dimension, elementBytes);
  if (offsets[1] - offsets[0] !== bytes) {
    throw invalid(
      path,
      `tensor "${name}" spans ${offsets[1] - offsets[0]} bytes, expected ${bytes} for ${dtype} [${shape.join(", ")}]`,
    );
  }
  if (dataBegin + offsets[1] > fileBytes) {
    throw invalid(
      path,
      `tensor "${name}" ends at byte ${dataBegin + offsets[1]}, but the file ends at ${fileBytes}: it is truncated`,
    );
  }
  return { name, file: path, dtype, shape, begin: dataBegin + offsets[0], bytes };
}

async function readExactly(
  path: string,
  file: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0)
      throw invalid(path, `it ended at byte ${position + done}: it was cut while being read`);
    done += bytesRead;
  }
  return buffer;
}

function invalid(path: string, problem: string, cause?: unknown): BatonError {
  return new BatonError("invalid_argument", `Cannot read "${path}": ${problem}`, { cause });
}
