import type { BatonError, BootstrapRoom, Clock } from "@baton/core";

/** Bounds of the memory. */
export interface EndedRoomsLimits {
  readonly maxEndedRooms: number;
  readonly endedRoomMs: number;
}

/**
 * Remembers for a while how rooms ended, so that who comes late is told at once instead of waiting. Bounded in number
 * and time; forgets the oldest first, and needs no timer.
 */
export class EndedRooms {
  readonly #limits: EndedRoomsLimits;
  readonly #clock: Clock;
  readonly #reasons = new Map<BootstrapRoom, { readonly reason: BatonError; readonly endedAt: number }>();

  constructor(limits: EndedRoomsLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Remembers what a later comer is to be told. */
  remember(room: BootstrapRoom, reason: BatonError): void {
    this.#reasons.delete(room);
    this.#reasons.set(room, { reason, endedAt: this.#clock.now() });
    this.#forgetOld();
  }

  /** What to tell, if the room is remembered. */
  reasonOf(room: BootstrapRoom): BatonError | undefined {
    this.#forgetOld();
    return this.#reasons.get(room)?.reason;
  }

  /** Rooms are kept in the order in which they ended, so the first that is young enough ends the search. */
  #forgetOld(): void {
    const oldest = this.#clock.now() - this.#limits.endedRoomMs;
    for (const [room, { endedAt }] of this.#reasons) {
      if (endedAt > oldest && this.#reasons.size <= this.#limits.maxEndedRooms) return;
      this.#reasons.delete(room);
    }
  }
}
