/**
 * Owns the KV of the running batch: `[slots][kvHeads][P][headDim]` per plane, in memory of a fixed size. The slot axis
 * comes first, so the first n slots are a prefix of the memory and the batch is never gathered. P is also the stride
 * between heads: another P means moving every running sequence, in place, so whoever decides on it does so in coarse
 * steps.
 *
 *   S1  #tokens[s] tokens of slot s are valid; what lies between and behind them is finite, and seen by nobody.
 *   S2  n slots of length P lie in the memory as long as n * P is at most `slotTokens`.
 */
import { BatonError, type BlockId, type KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import {
  copyBlocksToRows,
  copyRows,
  copyRowsToBlocks,
  type KvRows,
  planeCount,
  rowElements,
} from "./kv-rows.ts";

/** The slots of a decode batch. */
export class SlotMemory {
  readonly #memory: KvMemory;
  readonly #layout: KvLayout;
  /** Pages are only used once touched. */
  readonly #planes: readonly Float32Array[];
  #length = 0;
  #tokens: number[] = [];

  /** @param slotTokens tokens that fit into all slots together */
  constructor(memory: KvMemory, slotTokens: number) {
    this.#memory = memory;
    this.#layout = memory.layout;
    const elements = rowElements(this.#layout, slotTokens);
    this.#planes = Array.from({ length: planeCount(this.#layout) }, () => new Float32Array(elements));
  }

  /** P of the graph: tokens that fit into a slot. */
  get length(): number {
    return this.#length;
  }

  /** Keeps the first `slots` slots only, and gives each room for `length` tokens, which what they hold must fit. */
  resize(slots: number, length: number): void {
    this.#tokens.length = Math.min(this.#tokens.length, slots);
    if (length === this.#length) return;
    // Outwards from the far end, inwards from the near one: nothing is overwritten before it was moved.
    const order = length > this.#length ? this.#heads().reverse() : this.#heads();
    const { headDim } = this.#layout;
    for (const plane of this.#planes) {
      for (const { head, tokens } of order) {
        const from = head * this.#length * headDim;
        plane.copyWithin(head * length * headDim, from, from + tokens * headDim);
      }
    }
    this.#length = length;
  }

  /** Copies a sequence out of its blocks into a slot. */
  admit(slot: number, blocks: readonly BlockId[], tokenCount: number): void {
    copyBlocksToRows(this.#memory, { blocks, start: 0, end: tokenCount }, this.rows(slot));
    this.#tokens[slot] = tokenCount;
  }

  /** Copies the tokens [start, end) of a sequence into blocks; what comes after them in the slot is of no interest. */
  save(slot: number, blocks: readonly BlockId[], start: number, end: number): void {
    const tokens = this.#tokens[slot] ?? 0;
    if (tokens < end) {
      throw new BatonError(
        "internal",
        `Cannot save slot "${slot}": it holds ${tokens} tokens, expected at least ${end}`,
      );
    }
    copyRowsToBlocks(this.rows(slot), this.#memory, { blocks, start, end });
  }

  /** Copies a sequence to another slot; its old slot is free afterwards. */
  move(from: number, to: number, tokenCount: number): void {
    this.#expectTokens(from, tokenCount);
    copyRows(this.#layout, this.rows(from), this.rows(to), tokenCount);
    this.#tokens[to] = tokenCount;
    this.#tokens[from] = 0;
  }

  /** Overwrites all of a slot with zeros. */
  clear(slot: number): void {
    const elements = rowElements(this.#layout, this.#length);
    for (const plane of this.#planes) plane.fill(0, slot * elements, (slot + 1) * elements);
  }

  /** Prepares a step of the first `positions.length` slots, which hold that many tokens each; frees all others. */
  begin(positions: readonly number[]): void {
    for (const [slot, position] of positions.entries()) this.#expectTokens(slot, position);
    this.#tokens.length = positions.length;
  }

  /** The first `batch` slots of each plane; a view. */
  views(batch: number): readonly Float32Array[] {
    const elements = batch * rowElements(this.#layout, this.#length);
    return this.#planes.map((plane) => plane.subarray(0, elements));
  }

  /** Where a slot's KV lies; valid until the next `resize`. */
  rows(slot: number): KvRows {
    return {
      planes: this.#planes,
      offset: slot * rowElements(this.#layout, this.#length),
      length: this.#length,
    };
  }

  /** Appends one token to each of the first slots: `tokens` are planes of `[slots][kvHeads][headDim]`. */
  append(tokens: readonly Float32Array[]): void {
    const { headDim, kvHeads } = this.#layout;
    const places = this.#tokens.flatMap((position, slot) =>
      Array.from(
        { length: kvHeads },
        (_, head) => ((slot * kvHeads + head) * this.#length + position) * headDim,
      ),
    );
    for (const [index, plane] of this.#planes.entries()) {
      const token = tokens[index]!;
      // Element by element: a head is too short for the cost of a view and a call.
      for (let row = 0; row < places.length; row++) {
        const to = places[row]!;
        const from = row * headDim;
        for (let element = 0; element < headDim; element++) plane[to + element] = token[from + element]!;
      }
    }
    this.#tokens = this.#tokens.map((position) => position + 1);
  }

  /** Every head that holds tokens, in the order of its place. */
  #heads(): { readonly head: number; readonly tokens: number }[] {
    const { kvHeads } = this.#layout;
    return this.#tokens.flatMap((tokens, slot) =>
      Array.from({ length: kvHeads }, (_, head) => ({ head: slot * kvHeads + head, tokens })),
    );
  }

  #expectTokens(slot: number, tokens: number): void {
    if (this.#tokens[slot] === tokens) return;
    throw new BatonError(
      "internal",
      `Cannot continue slot "${slot}": it holds ${this.#tokens[slot] ?? 0} tokens, expected ${tokens}`,
    );
  }
}
