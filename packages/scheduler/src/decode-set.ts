import type { Sequence } from "./sequence.ts";
import type { DecodeEntry, SlotAdmission, SlotMove } from "./step-plan.ts";

/** An admission and whose it is. */
export interface PlannedAdmission {
  readonly sequence: Sequence;
  readonly admission: SlotAdmission;
}

/**
 * Which sequence runs in which slot, and who queues for one, first come, first served. The batch is always slots
 * 0 … n-1, which is a prefix view of slot memory.
 *
 * Sequences leave between steps, and also while a step that uses their slot is in flight; nothing moves until
 * `compact`, which the scheduler calls while no step is out and before anybody joins.
 */
export class DecodeSet {
  readonly #maxRunning: number;
  readonly #ready = new Set<Sequence>();
  #slots: Sequence[] = [];
  #holes: number[] = [];

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  /** The sequences of the batch, by slot; holes included until `compact`. */
  get sequences(): readonly Sequence[] {
    return this.#slots;
  }

  /** Queues a ready sequence for a slot. */
  add(sequence: Sequence): void {
    this.#ready.add(sequence);
  }

  /** Takes a ready sequence out of the queue. */
  withdraw(sequence: Sequence): void {
    this.#ready.delete(sequence);
  }

  /** A running sequence ended; its slot becomes a hole. */
  leave(slot: number): void {
    this.#holes.push(slot);
  }

  /**
   * Fills the holes with the last sequences. With n sequences left, every move goes from a slot at or above n to one
   * below n, so no slot is read after it was written, and no sequence moves twice.
   */
  compact(): SlotMove[] {
    if (this.#holes.length === 0) return [];
    const holes = new Set(this.#holes);
    const count = this.#slots.length - holes.size;
    const moving = this.#slots.slice(count).filter((_, i) => !holes.has(count + i));
    const moves = [...holes].filter((hole) => hole < count).map((to) => this.#move(moving.pop()!, to));
    this.#slots.length = count;
    this.#holes = [];
    return moves;
  }

  /** Gives slots to ready sequences while there are any; they run from then on. Call after `compact`. */
  admit(): PlannedAdmission[] {
    const planned: PlannedAdmission[] = [];
    for (const sequence of this.#ready) {
      if (this.#slots.length >= this.#maxRunning) break;
      this.#ready.delete(sequence);
      planned.push({ sequence, admission: this.#join(sequence) });
    }
    return planned;
  }

  /** One decode per slot; call after `admit`. */
  entries(): DecodeEntry[] {
    return this.#slots.map(({ id, promptTokens, answer }) => ({
      sequenceId: id,
      tokenId: answer.at(-1)!,
      position: promptTokens + answer.length - 1,
    }));
  }

  #join(sequence: Sequence): SlotAdmission {
    const { blocks } = sequence.expect("ready");
    const slot = this.#slots.length;
    this.#slots.push(sequence);
    sequence.enter({ kind: "running", slot });
    const { id, promptTokens } = sequence;
    return { sequenceId: id, slot, blocks, tokenCount: promptTokens, sample: sequence.sampleRequest() };
  }

  #move(sequence: Sequence, to: number): SlotMove {
    const state = sequence.expect("running");
    this.#slots[to] = sequence;
    sequence.enter({ ...state, slot: to });
    return { from: state.slot, to };
  }
}
