import type { FeedUpdate, WorkerRecord } from "@baton/core";
import type { TlsIdentity } from "@baton/tls";
import { clientChannel } from "./credentials.ts";
import { fromFeedUpdate } from "./feed-messages.ts";
import { type CallOptions, callStream } from "./outgoing-call.ts";
import { WorkerFeed } from "./proto.ts";

/** Any worker as a router follows it. */
export interface FeedClient {
  /**
   * The worker's feed. The call starts with the first step of the iteration; leaving the loop cancels it. Ends without
   * an error when the worker shuts down.
   * @throws BatonError `not_found` when another worker is at the address; `worker_lost`; the signal's reason.
   */
  follow(worker: Pick<WorkerRecord, "id" | "epoch">, options: CallOptions): AsyncIterable<FeedUpdate>;
  /** Closes the connection once running calls have ended. */
  close(): void;
}

/** A client of the worker at `host:port`; it connects with the first call. With an identity, over TLS. */
export function createFeedClient(address: string, tls?: TlsIdentity): FeedClient {
  const client = new WorkerFeed(address, ...clientChannel(address, tls));
  return {
    async *follow({ id, epoch }, options) {
      const arrivals = callStream(`follow worker "${address}"`, options, () =>
        client.follow({ workerId: id, epoch }),
      );
      for await (const messages of arrivals) {
        for (const message of messages) yield fromFeedUpdate(message);
      }
    },
    close: () => client.close(),
  };
}
