/**
 * Server-sent events on a raw response, no faster than the client reads. What is sent at once (tokens that
 * came together, the end of the answer) goes out in one piece: a system call costs more than the text in it.
 */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { BatonError } from "@baton/core";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // Proxies such as nginx would otherwise collect events before they pass them on.
  "x-accel-buffering": "no",
} as const;

export class SseStream {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  #corked = false;

  /** Sends the headers. `signal` aborts when the client has left, among other reasons. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, signal: AbortSignal) {
    this.#response = response;
    this.#signal = signal;
    response.writeHead(200, { ...HEADERS, ...headers });
  }

  /** Sends one event and waits while the client's connection is full. @throws BatonError the signal's reason. */
  async send(data: object | "[DONE]"): Promise<void> {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    this.#collect();
    if (this.#response.write(`data: ${text}\n\n`)) return;
    try {
      await once(this.#response, "drain", { signal: this.#signal });
    } catch (reason) {
      throw BatonError.from(this.#signal.aborted ? this.#signal.reason : reason, "canceled");
    }
  }

  /** Sends a last event without waiting, and closes the stream. */
  end(last: object | "[DONE]"): void {
    const text = typeof last === "string" ? last : JSON.stringify(last);
    this.#collect();
    this.#response.end(`data: ${text}\n\n`);
  }

  /** Holds back what is written until all that came with it is written too. */
  #collect(): void {
    const { socket } = this.#response;
    if (this.#corked || !socket) return;
    this.#corked = true;
    socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      socket.uncork();
    });
  }
}
