/** A model by its name on the hub: from the cache of this machine, or downloaded into it. */
import { readFile } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { BatonError } from "@baton/core";
import { EXPORT_FILES, isDataOf } from "../onnx-export/export-file.ts";
import { HubCache } from "./hub-cache.ts";
import { type HubAccess, HubClient } from "./hub-client.ts";
import type { ModelId } from "./model-id.ts";
import { downloadBlob, type HubFile } from "./verified-download.ts";

/** Where models come from. */
export interface HubOptions extends HubAccess {
  /** The cache that all Hugging Face tools share. */
  readonly hubCache: string;
  /** True to use what is in the cache and never ask the hub. */
  readonly hubOffline: boolean;
}

/** Bytes that are there, of all that are needed. */
export interface DownloadProgress {
  readonly bytes: number;
  readonly totalBytes: number;
}

const SMALL_FILES = [
  "config.json",
  "genai_config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "model.safetensors.index.json",
];
const SINGLE_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";
/** A minute of trouble in a row is given up on. */
const RETRY_DELAYS_MS = [500, 1000, 2000, 5000, 10_000, 20_000, 20_000];

/**
 * The folder of a model's files.
 * @throws BatonError `not_found`, `permission_denied` or `unavailable`, saying what to do.
 */
export async function hubModelFolder(
  id: ModelId,
  options: HubOptions,
  onProgress: (progress: DownloadProgress) => void = () => {},
  retryDelaysMs: readonly number[] = RETRY_DELAYS_MS,
): Promise<string> {
  const cache = new HubCache(options.hubCache, id);
  const cached = await cache.find(id.revision);
  if (cached !== undefined) return cached;
  if (options.hubOffline) {
    throw new BatonError(
      "not_found",
      `Cannot use model "${id.name}": revision "${id.revision}" is not in the cache "${options.hubCache}", and HF_HUB_OFFLINE forbids to download it`,
    );
  }
  const client = new HubClient(id, options);
  const commit = await client.commit();
  const download = new SnapshotDownload(client, cache, commit, onProgress, retryDelaysMs);
  await download.run(id);
  await cache.setRevision(id.revision, commit);
  return cache.snapshot(commit);
}

class SnapshotDownload {
  readonly #client: HubClient;
  readonly #cache: HubCache;
  readonly #commit: string;
  readonly #onProgress: (progress: DownloadProgress) => void;
  readonly #retryDelaysMs: readonly number[];
  #bytes = 0;
  #totalBytes = 0;

  constructor(
    client: HubClient,
    cache: HubCache,
    commit: string,
    onProgress: (progress: DownloadProgress) => void,
    retryDelaysMs: readonly number[],
  ) {
    this.#client = client;
    this.#cache = cache;
    this.#commit = commit;
    this.#onProgress = onProgress;
    this.#retryDelaysMs = retryDelaysMs;
  }

  /** First the small files, one of which may say which weights there are. */
  async run({ name }: ModelId): Promise<void> {
    const files = new Map((await this.#client.files(this.#commit)).map((file) => [file.path, file]));
    await this.#get(SMALL_FILES.flatMap((path) => files.get(path) ?? []));
    const weights = await this.#weights([...files.keys()]);
    const missing = weights.find((path) => !files.has(path));
    if (weights.length === 0 || missing !== undefined) {
      throw new BatonError(
        "not_found",
        `Cannot use model "${name}": the hub has no "${missing ?? SINGLE_FILE}" of it, expected weights as safetensors or as one of ${EXPORT_FILES.join(", ")}`,
      );
    }
    await this.#get(weights.map((path) => files.get(path)!));
  }

  /** The first form that is there, in the order in which a folder's weights are looked for. */
  async #weights(paths: readonly string[]): Promise<readonly string[]> {
    if (paths.includes(SINGLE_FILE)) return [SINGLE_FILE];
    if (paths.includes(INDEX_FILE)) return this.#shards();
    const exported = EXPORT_FILES.find((file) => paths.includes(file));
    if (exported === undefined) return [];
    const data = paths.filter(
      (path) =>
        posix.dirname(path) === posix.dirname(exported) &&
        isDataOf(posix.basename(exported), posix.basename(path)),
    );
    return [exported, ...data];
  }

  async #shards(): Promise<readonly string[]> {
    const index = await readFile(join(this.#cache.snapshot(this.#commit), INDEX_FILE), "utf8");
    const { weight_map: map = {} } = JSON.parse(index) as { weight_map?: Readonly<Record<string, string>> };
    return [...new Set(Object.values(map))].filter((path) => basename(path) === path).toSorted();
  }

  async #get(files: readonly HubFile[]): Promise<void> {
    this.#totalBytes += files.reduce((sum, { size }) => sum + size, 0);
    for (const file of files) {
      const { hex } = file.hash;
      await downloadBlob(file, this.#cache.blob(hex), this.#client.range(this.#commit, file.path), {
        retryDelaysMs: this.#retryDelaysMs,
        onBytes: (bytes) => {
          this.#bytes += bytes;
          this.#onProgress({ bytes: this.#bytes, totalBytes: this.#totalBytes });
        },
      });
      await this.#cache.link(hex, this.#commit, file.path);
    }
  }
}
