import { BatonError, type BootstrapRoom, type Clock, type ErrorCode } from "@baton/core";

/** Bounds of the memory. */
export interface EndedRoomsLimits {
  readonly maxEndedRooms: number;
  readonly endedRoomMs: number;
}

/** An end as plain data: an error's unread stack keeps the room it came from, its socket and its spans alive. */
interface Ending {
  readonly code: ErrorCode;
  readonly message: string;
  readonly endedAt: number;
}

/**
 * Remembers for a while how rooms ended, so that who comes late is told at once instead of waiting. Bounded in number
 * and time; forgets the oldest first, and needs no timer.
 */
export class EndedRooms {
  readonly #limits: EndedRoomsLimits;
  readonly #clock: Clock;
  readonly #endings = new Map<BootstrapRoom, Ending>();

  constructor(limits: EndedRoomsLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Remembers what a later comer is to be told. */
  remember(room: BootstrapRoom, { code, message }: BatonError): void {
    this.#endings.delete(room);
    this.#endings.set(room, { code, message, endedAt: this.#clock.now() });
    this.#forgetOld();
  }

  /** What to tell, if the room is remembered. */
  reasonOf(room: BootstrapRoom): BatonError | undefined {
    this.#forgetOld();
    const ending = this.#endings.get(room);
    return ending && new BatonError(ending.code, ending.message);
  }

  /** Rooms are kept in the order in which they ended, so the first that is young enough ends the search. */
  #forgetOld(): void {
    const oldest = this.#clock.now() - this.#limits.endedRoomMs;
    for (const [room, { endedAt }] of this.#endings) {
      if (endedAt > oldest && this.#endings.size <= this.#limits.maxEndedRooms) return;
      this.#endings.delete(room);
    }
  }
}
