/** What Baton asks of the hub, through its official client; every failure becomes a BatonError that says what to do. */
import { BatonError } from "@baton/core";
import { downloadFile, HubApiError, listFiles, modelInfo } from "@huggingface/hub";
import type { ModelId } from "./model-id.ts";
import type { HubFile, OpenRange } from "./verified-download.ts";

/** Where the hub is, and who asks. */
export interface HubAccess {
  /** For example `https://huggingface.co`. */
  readonly hubUrl: string;
  /** For private and gated models. */
  readonly hubToken: string | undefined;
}

const COMMIT = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** One model on the hub. */
export class HubClient {
  readonly #id: ModelId;
  readonly #hubUrl: string;
  readonly #credentials: { readonly accessToken?: string };

  constructor(id: ModelId, { hubUrl, hubToken }: HubAccess) {
    this.#id = id;
    this.#hubUrl = hubUrl;
    if (hubToken !== undefined && !hubToken.startsWith("hf_")) {
      throw this.#failure(
        "permission_denied",
        'HF_TOKEN is no token of the hub, expected it to begin with "hf_"',
      );
    }
    this.#credentials = hubToken === undefined ? {} : { accessToken: hubToken };
  }

  /** The commit that the revision stands for now. */
  async commit(): Promise<string> {
    const { name, revision } = this.#id;
    const { sha } = await this.#asking(() =>
      modelInfo({ name, revision, additionalFields: ["sha"], ...this.#common() }),
    );
    if (!COMMIT.test(sha)) throw this.#failure("internal", `the hub names the commit "${sha}"`);
    return sha;
  }

  /** The files of a commit; those in folders have their path. */
  async files(commit: string): Promise<readonly HubFile[]> {
    return this.#asking(async () => {
      const files: HubFile[] = [];
      const entries = listFiles({
        repo: this.#id.name,
        revision: commit,
        recursive: true,
        ...this.#common(),
      });
      for await (const { type, path, size, oid, lfs } of entries) {
        if (type !== "file") continue;
        const hash = { kind: lfs ? "sha256" : "git", hex: lfs?.oid ?? oid ?? "" } as const;
        if (!SHA256.test(hash.hex) && !COMMIT.test(hash.hex)) {
          throw this.#failure("internal", `the hub lists "${path}" without a hash`);
        }
        files.push({ path, size: lfs?.size ?? size, hash });
      }
      return files;
    });
  }

  /** Opens a file of a commit. */
  range(commit: string, path: string): OpenRange {
    return async (offset) => {
      // Plain HTTP, not the chunk store: a range can then be continued wherever it broke.
      const options = { path, revision: commit, xet: false, ...this.#common() };
      const blob = await this.#asking(
        () => downloadFile({ repo: this.#id.name, ...options }),
        "rethrow breaks",
      );
      if (!blob) throw this.#failure("not_found", `it has no file "${path}"`);
      return blob.slice(offset).stream();
    };
  }

  #common() {
    return { hubUrl: this.#hubUrl, ...this.#credentials };
  }

  /** A break of the connection is only an answer for those who do not try again. */
  async #asking<T>(
    ask: () => Promise<T>,
    breaks: "explain breaks" | "rethrow breaks" = "explain breaks",
  ): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      if (cause instanceof BatonError) throw cause;
      if (cause instanceof HubApiError) throw this.#refusal(cause);
      if (breaks === "rethrow breaks") throw cause;
      const reason = ((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message;
      throw this.#failure(
        "unavailable",
        `the hub "${this.#hubUrl}" cannot be reached (${reason}), and the model is not in the cache`,
        cause,
      );
    }
  }

  #refusal(error: HubApiError): BatonError {
    const { statusCode } = error;
    if (statusCode === 401 || statusCode === 403) {
      const advice = this.#credentials.accessToken
        ? "HF_TOKEN has no access to it"
        : "set HF_TOKEN to a token with access";
      return this.#failure(
        "permission_denied",
        `the hub answers ${statusCode}: it does not exist, or is private or gated; ${advice}`,
        error,
      );
    }
    if (statusCode === 404) {
      return this.#failure(
        "not_found",
        `the hub has no such model, or no revision "${this.#id.revision}"`,
        error,
      );
    }
    return this.#failure("unavailable", `the hub answers ${statusCode}: ${error.message}`, error);
  }

  #failure(code: BatonError["code"], problem: string, cause?: unknown): BatonError {
    return new BatonError(code, `Cannot download model "${this.#id.name}": ${problem}`, { cause });
  }
}
