import { BatonError } from "@baton/core";
import { abortedByPeer, type ConnectionHandler } from "./frame-connection.ts";
import { protocolError } from "./protocol-error.ts";
import type { RoomClaim } from "./room-claim.ts";
import type { ControlFrame } from "./wire-format.ts";

/** A decode worker that came before its room was opened. It waits for a bounded time, and leaves as soon as it is gone. */
export class WaitingClaim implements ConnectionHandler {
  readonly #claim: RoomClaim;
  readonly #onLeft: (reason: BatonError) => void;
  readonly #timer: NodeJS.Timeout;

  /** `onLeft` is called at most once, and not after `take`. */
  constructor(claim: RoomClaim, waitMs: number, onLeft: (reason: BatonError) => void) {
    this.#claim = claim;
    this.#onLeft = onLeft;
    this.#timer = setTimeout(() => {
      this.leave(new BatonError("kv_transfer_failed", `no request opened it within ${waitMs} ms`));
    }, waitMs);
    claim.connection.attach(this);
  }

  /** Ends the wait: the room is there. */
  take(): RoomClaim {
    clearTimeout(this.#timer);
    return this.#claim;
  }

  /** Ends the wait without the room. */
  leave(reason: BatonError): void {
    clearTimeout(this.#timer);
    this.#onLeft(reason);
  }

  onFrame(frame: ControlFrame): void {
    if (frame.type === "abort") this.leave(abortedByPeer(frame.fields));
    else this.leave(protocolError(`got frame "${frame.type}" before "accept" was sent`));
  }

  onFailure(error: BatonError): void {
    this.leave(error);
  }
}
