/** Decode side: fetches KV from prefill workers, one TCP connection per room. */
import { BatonError } from "@baton/core";
import type { TlsIdentity } from "@baton/tls";
import { DecodeRoom } from "./decode-room.ts";
import type { KvIdentity } from "./hello.ts";
import { DEFAULT_LIMITS } from "./kv-server-limits.ts";
import { RoomCounts } from "./room-lifecycle.ts";
import type { KvReceiver, KvTransferStatus, ReceiveOptions, ReceivingRoom } from "./transfer-api.ts";

/**
 * Makes the decode side of the hand-over. With a secret, every HELLO carries the proof of knowing it; with an identity,
 * connections are made over TLS.
 */
export function createKvReceiver(identity: KvIdentity, tls?: TlsIdentity): KvReceiver {
  return new TcpKvReceiver(identity, tls);
}

class TcpKvReceiver implements KvReceiver {
  readonly #identity: KvIdentity;
  readonly #tls: TlsIdentity | undefined;
  readonly #counts = new RoomCounts();
  readonly #rooms = new Set<DecodeRoom>();
  #closing = false;

  constructor(identity: KvIdentity, tls: TlsIdentity | undefined) {
    this.#identity = identity;
    this.#tls = tls;
  }

  receive(options: ReceiveOptions): ReceivingRoom {
    if (this.#closing) throw closingError();
    const room = new DecodeRoom(options, {
      identity: this.#identity,
      tls: this.#tls,
      counts: this.#counts,
      lingerMs: DEFAULT_LIMITS.lingerMs,
    });
    this.#rooms.add(room);
    void room.closed.then(() => this.#rooms.delete(room));
    return room;
  }

  status(): KvTransferStatus {
    return { rooms: this.#counts.snapshot(), connections: this.#rooms.size };
  }

  async close(): Promise<void> {
    this.#closing = true;
    const rooms = [...this.#rooms];
    for (const room of rooms) room.abort(closingError());
    await Promise.all(rooms.map((room) => room.closed));
  }
}

function closingError(): BatonError {
  return new BatonError("unavailable", "Cannot receive KV: the decode worker is closing");
}
