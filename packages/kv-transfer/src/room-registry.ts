/**
 * Brings rooms and the decode workers that claim them together, whichever comes first.
 *
 *   G1  A room is in at most one place: open, waited for, or ended.
 *   G2  A room is opened at most once and claimed at most once; whoever comes second is refused and changes nothing.
 *   G3  Who comes after the end is told at once how it ended.
 */
import {
  BatonError,
  type BootstrapRoom,
  type Clock,
  type ExternalTraceHeader,
  formatRoom,
} from "@baton/core";
import { EndedRooms } from "./ended-rooms.ts";
import { checkLayout } from "./hello.ts";
import type { KvServerLimits } from "./kv-server-limits.ts";
import { PrefillRoom, type PrefillRoomContext } from "./prefill-room.ts";
import { during } from "./protocol-error.ts";
import type { RoomClaim } from "./room-claim.ts";
import type { OpenRoomOptions } from "./transfer-api.ts";
import { WaitingClaim } from "./waiting-claim.ts";

/** What a registry works with. */
export interface RoomRegistryOptions {
  readonly context: Omit<PrefillRoomContext, "onEnded" | "maxInFlightBytes">;
  readonly limits: KvServerLimits;
  readonly clock: Clock;
  /** A claim was refused; its connection is being closed. */
  readonly onRefused: (error: BatonError, trace: ExternalTraceHeader | undefined) => void;
}

export class RoomRegistry {
  readonly #options: RoomRegistryOptions;
  readonly #context: PrefillRoomContext;
  readonly #open = new Map<BootstrapRoom, PrefillRoom>();
  readonly #waiting = new Map<BootstrapRoom, WaitingClaim>();
  readonly #ended: EndedRooms;

  constructor(options: RoomRegistryOptions) {
    this.#options = options;
    this.#ended = new EndedRooms(options.limits, options.clock);
    this.#context = {
      ...options.context,
      maxInFlightBytes: options.limits.maxInFlightBytes,
      onEnded: (room, error) => this.#onEnded(room, error),
    };
  }

  /** See `KvServer.open`. */
  open(options: OpenRoomOptions): PrefillRoom {
    const { room } = options;
    const reason = this.#open.has(room)
      ? new BatonError("room_conflict", "it is open already, expected a room that was never used")
      : this.#ended.reasonOf(room);
    if (reason) throw during(`Cannot open room "${formatRoom(room)}"`, reason);
    const opened = new PrefillRoom(options, this.#context);
    this.#open.set(room, opened);
    const waiting = this.#waiting.get(room);
    this.#waiting.delete(room);
    if (waiting) opened.accept(waiting.take());
    opened.start();
    return opened;
  }

  /** Gives the room to the claim, lets the claim wait for the room, or refuses the claim. */
  claim(claim: RoomClaim): void {
    try {
      this.#place(claim);
    } catch (reason) {
      this.#options.onRefused(this.#close(claim, BatonError.from(reason)), claim.trace);
    }
  }

  /** Ends every room and every wait. */
  abortAll(error: BatonError): void {
    for (const room of [...this.#open.values()]) room.abort(error);
    for (const waiting of [...this.#waiting.values()]) waiting.leave(error);
  }

  #place(claim: RoomClaim): void {
    const { room } = claim;
    const open = this.#open.get(room);
    if (open?.claimed || this.#waiting.has(room)) {
      throw new BatonError("room_conflict", "another decode worker has claimed it, expected one claim");
    }
    const reason = this.#ended.reasonOf(room);
    if (reason) throw reason;
    if (open) open.accept(claim);
    else this.#wait(claim);
  }

  #wait(claim: RoomClaim): void {
    const { room, hello } = claim;
    const { limits, context } = this.#options;
    if (this.#waiting.size >= limits.maxWaiting) {
      throw new BatonError("overloaded", `${limits.maxWaiting} claims wait already, expected fewer`);
    }
    try {
      checkLayout(hello, context.layout);
    } catch (reason) {
      this.#ended.remember(room, BatonError.from(reason));
      throw reason;
    }
    const waiting = new WaitingClaim(claim, Math.min(limits.roomWaitMs, hello.deadlineMs), (reason) => {
      this.#waiting.delete(room);
      this.#ended.remember(room, reason);
      this.#close(claim, reason);
    });
    this.#waiting.set(room, waiting);
  }

  /** Tells the decode worker why it does not get the room; returns what it was told. */
  #close(claim: RoomClaim, reason: BatonError): BatonError {
    const action = `Cannot send KV of room "${formatRoom(claim.room)}" to "${claim.peer.workerId}" at ${claim.peer.address}`;
    const error = during(action, reason);
    claim.connection.abort(error);
    return error;
  }

  #onEnded(room: PrefillRoom, error?: BatonError): void {
    this.#open.delete(room.room);
    this.#ended.remember(
      room.room,
      error ??
        new BatonError("room_conflict", "it was handed over already, expected a room that was never used"),
    );
  }
}
