/**
 * An HTTP client that costs next to nothing: the load must not be what is measured. One connection, one request at a
 * time; it knows what the router's streams look like and nothing else of HTTP.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** When what of an answer came, in ms of `performance.now()`. */
export interface Timing {
  readonly startedAt: number;
  readonly firstTokenAt: number;
  readonly endedAt: number;
}

/** The last chunk of a chunked body. */
const END = "0\r\n\r\n";

export class RawClient implements Disposable {
  readonly #socket: Socket;
  readonly #host: string;
  #received = "";
  #firstTokenAt = 0;
  #answer: PromiseWithResolvers<void> | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    socket.setEncoding("latin1").on("data", (text: string) => this.#hear(text));
    socket.on("error", (error) => this.#answer?.reject(error));
    socket.on("close", () =>
      this.#answer?.reject(new Error("Cannot go on: the router closed the connection")),
    );
  }

  /** @param address `host:port` */
  static async connect(address: string): Promise<RawClient> {
    const [host, port] = address.split(":") as [string, string];
    const socket = connect(Number(port), host);
    await once(socket, "connect");
    return new RawClient(socket, address);
  }

  /** Sends a body that asks for a stream, and waits for its end. @throws Error for any other answer. */
  async stream(body: string): Promise<Timing> {
    this.begin(body);
    const startedAt = performance.now();
    await this.#answer!.promise;
    if (!this.#received.startsWith("HTTP/1.1 200")) throw new Error(`Got ${this.#received}`);
    if (!this.#received.includes("data: [DONE]")) throw new Error(`Got no end: ${this.#received}`);
    return { startedAt, firstTokenAt: this.#firstTokenAt, endedAt: performance.now() };
  }

  /** Sends a body and leaves the answer to itself. */
  begin(body: string): void {
    this.#received = "";
    this.#firstTokenAt = 0;
    this.#answer = Promise.withResolvers();
    this.#answer.promise.catch(() => {}); // Whoever only begins does not wait for it.
    const head = `POST /v1/completions HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json`;
    this.#socket.write(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  /** False once the router has closed the connection, as it does with idle ones. */
  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Whether a token of the answer has come. */
  get hasBegun(): boolean {
    return this.#firstTokenAt > 0;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #hear(text: string): void {
    this.#received += text;
    if (this.#firstTokenAt === 0 && this.#received.includes("data: ")) this.#firstTokenAt = performance.now();
    if (this.#received.endsWith(END) || isWhole(this.#received)) this.#answer?.resolve();
  }
}

/** An error has a length and no chunks. */
function isWhole(answer: string): boolean {
  return /\r\ncontent-length: \d+\r\n/.test(answer) && answer.includes("\r\n\r\n{");
}
