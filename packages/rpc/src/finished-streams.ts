/**
 * HTTP/2 streams of this process's clients let go of their listeners once they have closed.
 *
 * V8's young collections take a closed stream for alive while something old, dead or not, points to it, as something in
 * Node and grpc-js does. A stream has grpc-js's listeners, they have the call, and the call has the request that it was
 * made for. Without listeners it is only itself that is copied and kept until the next full collection.
 */
import { subscribe } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";

/** On streams that are seen to, where a process has loaded this module more than once. */
const SEEN = Symbol.for("baton.finished-streams");

let subscribed = false;

/** Sees to it for all streams from now on; more than once is the same as once. */
export function releaseFinishedStreams(): void {
  if (subscribed) return;
  subscribed = true;
  subscribe("http2.client.stream.created", (message) => {
    const { stream } = message as { readonly stream: EventEmitter & { [SEEN]?: true } };
    if (stream[SEEN]) return;
    stream[SEEN] = true;
    // grpc-js waits for one tick after the close, to hear of an error at about the same time.
    stream.once("close", () => setImmediate(release, stream));
  });
}

function release(stream: EventEmitter): void {
  stream.removeAllListeners();
  stream.on("error", ignore); // Closed streams fail no more; one that did would end the process.
}

function ignore(): void {}
