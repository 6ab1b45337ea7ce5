import { BatonError } from "@baton/core";
import type { RoomState } from "./transfer-api.ts";

/** Which state may follow which. */
const FOLLOWS: Readonly<Record<RoomState, readonly RoomState[]>> = {
  bootstrapping: ["waiting_for_input", "failed"],
  waiting_for_input: ["transferring", "failed"],
  transferring: ["success", "failed"],
  success: [],
  failed: [],
};

/** How many rooms are in each state. */
export class RoomCounts {
  readonly #counts: Record<RoomState, number> = {
    bootstrapping: 0,
    waiting_for_input: 0,
    transferring: 0,
    success: 0,
    failed: 0,
  };

  add(state: RoomState, difference: 1 | -1): void {
    this.#counts[state] += difference;
  }

  snapshot(): Readonly<Record<RoomState, number>> {
    return { ...this.#counts };
  }
}

/**
 * The state of one room, on either side.
 *
 *   S1  `move` is the only setter, and allows only the steps of the table: `success` and `failed` are final.
 *   S2  A room is counted in exactly one state, from its creation until `retire`.
 */
export class RoomLifecycle {
  readonly #counts: RoomCounts;
  #state: RoomState = "bootstrapping";
  #retired = false;

  constructor(counts: RoomCounts) {
    this.#counts = counts;
    counts.add(this.#state, 1);
  }

  get state(): RoomState {
    return this.#state;
  }

  get ended(): boolean {
    return this.#state === "success" || this.#state === "failed";
  }

  move(next: RoomState): void {
    if (!FOLLOWS[this.#state].includes(next)) {
      throw new BatonError(
        "internal",
        `Cannot move a room to "${next}": state is "${this.#state}", expected one that it may follow`,
      );
    }
    this.#counts.add(this.#state, -1);
    this.#counts.add(next, 1);
    this.#state = next;
  }

  /** The room has ended and holds nothing any more: it is no longer counted. Only the first call counts. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#counts.add(this.#state, -1);
  }
}
