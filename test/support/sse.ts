/** Reading a server-sent event stream as it comes, byte for byte, without a client library in between. */

/** One request in flight: its events so far, and a way to leave it. */
export interface SseStream {
  readonly status: number;
  readonly headers: Headers;
  /** The `data:` payload of each event, in order; the body as one payload when it is not an event stream. */
  readonly events: AsyncIterable<string>;
  /** Closes the connection. */
  leave(): void;
}

/** Sends a POST and resolves with the head of the answer. */
export async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<SseStream> {
  const controller = new AbortController();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: controller.signal,
  });
  return {
    status: response.status,
    headers: response.headers,
    events: payloads(response),
    leave: () => controller.abort(),
  };
}

async function* payloads(response: Response): AsyncGenerator<string> {
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    yield await response.text();
    return;
  }
  // A fatal decoder: a multi-byte character split over two events would still pass here, since events are split
  // below on text; the text of each event is checked by the tests.
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk, { stream: true });
    const events = rest.split("\n\n");
    rest = events.pop()!;
    for (const event of events) yield event.replace(/^data: ?/, "");
  }
}

/** All payloads of a stream. */
export async function collect(stream: SseStream): Promise<string[]> {
  const all: string[] = [];
  for await (const payload of stream.events) all.push(payload);
  return all;
}
