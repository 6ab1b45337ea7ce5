/** An HTTP server that behaves like the hub: its API, its redirects to storage, ranges, tokens; and its bad days. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const COMMIT = "c0ffee".padEnd(40, "0");

/** Files by path. Weights are kept in the storage for large files, the others in git, as on the hub. */
export type HubContent = Readonly<Record<string, Buffer>>;

/** Serves one model, `org/tiny`, with the revisions `main` and `v1`. */
export class FakeHub implements AsyncDisposable {
  readonly commit = COMMIT;
  /** Paths of the requests so far, for ranges with `#<from>`. */
  readonly requests: string[] = [];
  /** The token that requests must carry; none unless set. */
  token: string | undefined;
  /** Bytes after which the connection of a download breaks; undefined for never. */
  breakAfter: number | undefined;
  /** Changes a byte of each large file. */
  corrupt = false;
  readonly #server: Server;
  readonly #content: HubContent;

  private constructor(content: HubContent) {
    this.#content = content;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(content: HubContent): Promise<FakeHub> {
    const hub = new FakeHub(content);
    hub.#server.listen(0, "127.0.0.1");
    await once(hub.#server, "listening");
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url!, this.url);
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    this.requests.push(from > 0 ? `${pathname}#${from}` : pathname);
    const reply = this.#reply(pathname, searchParams, request.headers.authorization);
    if (reply.file) this.#send(request, response, reply.file);
    else response.writeHead(reply.status, reply.headers).end(JSON.stringify(reply.body) ?? "");
  }

  #reply(pathname: string, search: URLSearchParams, authorization: string | undefined): Reply {
    const stored = /^\/storage\/(.+)$/.exec(pathname)?.[1];
    if (stored) return this.#file(stored);
    if (this.token && authorization !== `Bearer ${this.token}`) return refusal(401, "Invalid credentials");
    const revision = /^\/(?:api\/models\/)?org\/tiny\/(?:revision|tree|resolve)\/([^/]+)/.exec(pathname)?.[1];
    if (!revision || !["main", "v1", COMMIT].includes(revision)) return refusal(404, "Not found");
    if (pathname.includes("/revision/")) return answer({ _id: "1", id: "org/tiny", sha: COMMIT });
    if (pathname.includes("/tree/")) return answer(this.#tree(search.get("recursive") === "true"));
    const path = pathname.split("/").slice(5).join("/");
    if (!isLarge(path)) return this.#file(path);
    return { status: 302, headers: { location: `${this.url}/storage/${path}` } };
  }

  #file(path: string): Reply {
    const file = this.#content[path];
    return file
      ? { status: 200, file: this.corrupt && isLarge(path) ? corrupted(file) : file }
      : refusal(404, "Entry");
  }

  #tree(recursive: boolean): readonly object[] {
    const listed = Object.entries(this.#content).filter(([path]) => recursive || !path.includes("/"));
    return listed.map(([path, bytes]) => {
      const size = bytes.length;
      const oid = createHash("sha1").update(`blob ${size}\0`).update(bytes).digest("hex");
      const lfs = { oid: createHash("sha256").update(bytes).digest("hex"), size, pointerSize: 130 };
      return { type: "file", path, size, oid, ...(isLarge(path) && { lfs }) };
    });
  }

  #send(request: IncomingMessage, response: ServerResponse, file: Buffer): void {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const [first, last] = range ? [Number(range[1]), Number(range[2])] : [0, file.length - 1];
    const headers = { etag: '"x"', "content-length": last - first + 1, "accept-ranges": "bytes" };
    const part = file.subarray(first, last + 1);
    if (range)
      response.writeHead(206, { ...headers, "content-range": `bytes ${first}-${last}/${file.length}` });
    else response.writeHead(200, headers);
    if (this.breakAfter === undefined || part.length <= this.breakAfter) response.end(part);
    else response.write(part.subarray(0, this.breakAfter), () => response.destroy());
  }
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly file?: Buffer;
}

function answer(body: unknown): Reply {
  return { status: 200, headers: { "content-type": "application/json" }, body };
}

function refusal(status: number, error: string): Reply {
  return { ...answer({ error }), status };
}

function corrupted(file: Buffer): Buffer {
  const copy = Buffer.from(file);
  copy[100]! ^= 1;
  return copy;
}

function isLarge(path: string): boolean {
  return path.endsWith(".safetensors") || path.includes(".onnx");
}
