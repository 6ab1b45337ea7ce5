/**
 * Compiled models on disk, one folder per key. Several processes may use and fill an entry at the same time.
 *
 *   C1  What an entry's files contain depends on its key alone, so replacing a file changes nothing for its readers.
 *   C2  A file enters an entry whole, by renaming; the manifest enters last.
 *   C3  An entry is used only after every file was found to have the SHA-256 that the manifest says.
 *
 * So there is no lock to be left behind by a killed process: at worst two processes do the same work.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { FileHashes } from "./compile-model.ts";

const MANIFEST = "manifest.json";
const manifestSchema = z.object({ sha256: z.record(z.string(), z.string()) });

/**
 * The folder of the entry `key`, filled by `fill` unless a sound one is there. `fill` writes files into the folder it
 * is given and returns their hashes; it must write the same bytes whenever the key is the same (C1).
 */
export async function cachedFolder(
  cacheFolder: string,
  key: string,
  fill: (folder: string) => Promise<FileHashes>,
): Promise<string> {
  const entry = join(cacheFolder, key);
  if (!(await isSound(entry))) await fillEntry(cacheFolder, entry, fill);
  return entry;
}

async function fillEntry(
  cacheFolder: string,
  entry: string,
  fill: (folder: string) => Promise<FileHashes>,
): Promise<void> {
  await mkdir(entry, { recursive: true });
  const workplace = await mkdtemp(join(cacheFolder, ".compiling-"));
  try {
    const sha256 = await fill(workplace);
    await writeFile(join(workplace, MANIFEST), JSON.stringify({ sha256 }, null, 2));
    for (const file of [...Object.keys(sha256), MANIFEST]) {
      await rename(join(workplace, file), join(entry, file)); // C2
    }
  } finally {
    await rm(workplace, { recursive: true, force: true });
  }
}

/** C3. Anything that cannot be read counts as damaged: filling the entry again is always right. */
async function isSound(entry: string): Promise<boolean> {
  try {
    const manifest = manifestSchema.parse(JSON.parse(await readFile(join(entry, MANIFEST), "utf8")));
    for (const [file, sha256] of Object.entries(manifest.sha256)) {
      if ((await hashFile(join(entry, file))) !== sha256) return false;
    }
    return true;
  } catch {
    return false;
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(piece as Buffer);
  return hash.digest("hex");
}
