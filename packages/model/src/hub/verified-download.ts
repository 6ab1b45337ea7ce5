/**
 * One file of the hub: downloaded, continued where an earlier attempt ended, and kept only when its hash is right.
 *
 *   D1  `<blob>.incomplete` is always a beginning of the file. Bytes are written at their own place, so processes that
 *       download the same file at once write the same bytes and do each other no harm.
 *   D2  A blob appears by renaming, after its size and its hash were checked.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, constants, type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BatonError } from "@baton/core";

/** A file as the hub lists it. */
export interface HubFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Of the content: SHA-256, or the SHA-1 of a git blob. */
  readonly hash: { readonly kind: "sha256" | "git"; readonly hex: string };
}

/** The bytes of a file from an offset on. */
export type OpenRange = (offset: number) => Promise<ReadableStream<Uint8Array>>;

/** How a download goes on after a break, and who wants to hear of the progress. */
export interface DownloadOptions {
  /** Waits before each further attempt, in ms; as many attempts as there are waits, and one. */
  readonly retryDelaysMs: readonly number[];
  /** Told of every piece, and once of what was there already. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Makes sure that `blob` is there.
 * @throws BatonError `unavailable` when the connection breaks too often, `invalid_argument` when the content is not
 *   what the hub lists.
 */
export async function downloadBlob(
  file: HubFile,
  blob: string,
  openRange: OpenRange,
  options: DownloadOptions,
): Promise<void> {
  if (await exists(blob)) return options.onBytes(file.size);
  await mkdir(dirname(blob), { recursive: true });
  const incomplete = `${blob}.incomplete`;
  const hash = newHash(file);
  await using target = await open(incomplete, constants.O_RDWR | constants.O_CREAT); // Never emptied (D1).
  const start = await hashPresent(incomplete, file, hash, options.onBytes);
  const end = await fetchRest(file, start, { target, hash, openRange, options });
  await checkContent(file, end, hash.digest("hex"), incomplete);
  await rename(incomplete, blob).catch(async (error: unknown) => {
    if (!(await exists(blob))) throw error; // Another process was faster (D1).
  });
}

interface Transfer {
  readonly target: FileHandle;
  readonly hash: Hash;
  readonly openRange: OpenRange;
  readonly options: DownloadOptions;
}

/** Downloads from `start` on, in several attempts if need be; returns the length that the file then has. */
async function fetchRest(file: HubFile, start: number, transfer: Transfer): Promise<number> {
  const { retryDelaysMs } = transfer.options;
  let position = start;
  let breaks = 0;
  while (position < file.size) {
    try {
      for await (const bytes of await transfer.openRange(position)) {
        await transfer.target.write(bytes, 0, bytes.length, position);
        transfer.hash.update(bytes);
        position += bytes.length;
        breaks = 0;
        transfer.options.onBytes(bytes.length);
      }
      if (position < file.size) throw new Error(`the connection ended at byte ${position} of ${file.size}`);
    } catch (cause) {
      if (cause instanceof BatonError) throw cause;
      const delay = retryDelaysMs[breaks++];
      if (delay === undefined) throw brokenOff(file, position, cause);
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
  return position;
}

function brokenOff({ path, size }: HubFile, position: number, cause: unknown): BatonError {
  const reason = Error.isError(cause) ? cause.message : String(cause);
  return new BatonError(
    "unavailable",
    `Cannot download "${path}": it broke off at byte ${position} of ${size} (${reason}); start again to go on there`,
    { cause },
  );
}

/** Hashes what an earlier attempt left; returns how much that is. */
async function hashPresent(path: string, file: HubFile, hash: Hash, onBytes: (bytes: number) => void) {
  let length = 0;
  for await (const piece of createReadStream(path, { end: file.size, highWaterMark: 1024 * 1024 })) {
    hash.update(piece as Buffer);
    length += (piece as Buffer).length;
  }
  onBytes(length);
  return length;
}

/** Removes what is wrong, so that the next attempt begins afresh. */
async function checkContent(file: HubFile, length: number, hex: string, incomplete: string): Promise<void> {
  if (length === file.size && hex === file.hash.hex) return;
  await rm(incomplete, { force: true });
  const found =
    length === file.size
      ? `hash ${hex}, expected ${file.hash.hex}`
      : `${length} bytes, expected ${file.size}`;
  throw new BatonError("invalid_argument", `Cannot use the download of "${file.path}": it has ${found}`);
}

/** Git hashes a header before the content. */
function newHash({ hash, size }: HubFile): Hash {
  return hash.kind === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
