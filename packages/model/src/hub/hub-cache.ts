/**
 * The hub's cache on this machine, in the layout that all Hugging Face tools share:
 *
 *   models--org--name/refs/<revision>               the commit that a branch or tag stands for
 *   models--org--name/snapshots/<commit>/<file>     links to
 *   models--org--name/blobs/<hash>                  the files' content
 */
import { access, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { configFile } from "../checkpoint/read-model-config.ts";
import { weightFiles } from "../checkpoint/weight-files.ts";
import type { ModelId } from "./model-id.ts";

const COMMIT = /^[0-9a-f]{40}$/;
/** Without these a snapshot is of no use to us. */
const NEEDED_FILES = ["tokenizer.json", "tokenizer_config.json"];

/** The part of the cache that belongs to one model. */
export class HubCache {
  readonly #folder: string;

  /** @param cacheFolder the folder that `HF_HUB_CACHE` names */
  constructor(cacheFolder: string, { name }: ModelId) {
    this.#folder = join(cacheFolder, `models--${name.replace("/", "--")}`);
  }

  /** The snapshot of a revision, if all that we need of it is there. */
  async find(revision: string): Promise<string | undefined> {
    const commit = COMMIT.test(revision) ? revision : await this.#commitOf(revision);
    if (commit === undefined) return undefined;
    const snapshot = this.snapshot(commit);
    return (await isComplete(snapshot)) ? snapshot : undefined;
  }

  /** The folder of a commit's files. */
  snapshot(commit: string): string {
    return join(this.#folder, "snapshots", commit);
  }

  /** Where the content with this hash is kept. */
  blob(hash: string): string {
    return join(this.#folder, "blobs", hash);
  }

  /** Shows a blob as a file of a snapshot. */
  async link(hash: string, commit: string, file: string): Promise<void> {
    const path = join(this.snapshot(commit), file);
    await mkdir(dirname(path), { recursive: true });
    try {
      await symlink(relative(dirname(path), this.blob(hash)), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }

  /** Remembers which commit a revision stands for. */
  async setRevision(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const path = join(this.#folder, "refs", revision);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, commit);
  }

  async #commitOf(revision: string): Promise<string | undefined> {
    const text = await readFile(join(this.#folder, "refs", revision), "utf8").catch(() => undefined);
    return text !== undefined && COMMIT.test(text.trim()) ? text.trim() : undefined;
  }
}

/** True when no file that loading needs is missing; their content is checked when they are read. */
async function isComplete(snapshot: string): Promise<boolean> {
  try {
    await access(await configFile(snapshot));
    for (const file of NEEDED_FILES) await access(join(snapshot, file));
    for (const path of await weightFiles(snapshot)) await access(path);
    return true;
  } catch {
    return false;
  }
}
