import type { SchedulerLimits } from "./scheduler-api.ts";
import type { Sequence } from "./sequence.ts";
import { nextSlotLength, slotLengthFor } from "./slot-length.ts";
import type { DecodeEntry, SlotAdmission, SlotMove } from "./step-plan.ts";

/** An admission and whose it is. */
export interface PlannedAdmission {
  readonly sequence: Sequence;
  readonly admission: SlotAdmission;
}

type SlotLimits = Pick<SchedulerLimits, "maxRunning" | "slotTokens" | "slotStep">;

/**
 * Which sequence runs in which slot, and who queues for one, first come, first served. The batch is always slots
 * 0 … n-1, which is a prefix view of slot memory.
 *
 * Sequences leave between steps, and also while a step that uses their slot is in flight; nothing moves until
 * `compact`, which the scheduler calls while no step is out and before anybody joins.
 */
export class DecodeSet {
  readonly #limits: SlotLimits;
  readonly #ready = new Set<Sequence>();
  #slots: Sequence[] = [];
  #holes: number[] = [];
  #length = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
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

  /** Which running sequences must give up their slots for the others to take a step: the newest ones. */
  overflow(): readonly Sequence[] {
    const holes = new Set(this.#holes);
    const running = this.#slots.filter((_, slot) => !holes.has(slot)).sort((a, b) => a.order - b.order);
    const overflow: Sequence[] = [];
    while (running.length > 1 && !this.#fit(running.length, longestOf(running)))
      overflow.push(running.pop()!);
    return overflow;
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

  /**
   * Gives slots to ready sequences while there is room; they run from then on. Call after `compact`. Beside others a
   * sequence is let in only if the slots may grow by a step before anybody must leave again.
   */
  admit(): PlannedAdmission[] {
    const planned: PlannedAdmission[] = [];
    for (const sequence of this.#ready) {
      if (this.#slots.length >= this.#limits.maxRunning) break;
      const reserve = this.#slots.length === 0 ? 0 : this.#limits.slotStep;
      const longest = Math.max(longestOf(this.#slots), sequence.context.length) + reserve;
      if (!this.#fit(this.#slots.length + 1, longest)) break;
      this.#ready.delete(sequence);
      planned.push({ sequence, admission: this.#join(sequence) });
    }
    return planned;
  }

  /** The length of the slots for the next step; call after `admit`. */
  slotLength(): number {
    const batch = { count: this.#slots.length, longest: longestOf(this.#slots) };
    this.#length = nextSlotLength(this.#length, batch, this.#limits);
    return this.#length;
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
    const { id, context } = sequence;
    return { sequenceId: id, slot, blocks, tokenCount: context.length, sample: sequence.sampleRequest() };
  }

  #fit(count: number, longest: number): boolean {
    return count * slotLengthFor(longest, this.#limits.slotStep) <= this.#limits.slotTokens;
  }

  #move(sequence: Sequence, to: number): SlotMove {
    const state = sequence.expect("running");
    this.#slots[to] = sequence;
    sequence.enter({ ...state, slot: to });
    return { from: state.slot, to };
  }
}

/** Tokens of the longest sequence whose KV is in its slot before the next step. */
function longestOf(running: readonly Sequence[]): number {
  return running.reduce((longest, { promptTokens, answer }) => {
    return Math.max(longest, promptTokens + answer.length - 1);
  }, 0);
}
