/**
 * Owns the KV of the running batch: `[slots][kvHeads][P][headDim]` per plane. The slot axis comes first, so the first
 * n slots are a prefix of the memory and the batch is never gathered. P is also the stride between heads: another P
 * means copying every running sequence, so it changes in coarse steps only.
 *
 *   S1  #tokens[s] tokens of slot s are valid; a slot at or beyond the last batch holds none.
 *   S2  Every slot in use has room for one more token than it holds.
 */
import { BatonError, type BlockId, type KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import { copyBlocksToRows, copyRows, type KvRows, planeCount, rowElements } from "./kv-rows.ts";
import { roundUp } from "./round-up.ts";

/** P is a multiple of this many tokens: at 45 KiB a token, one copy of a sequence every 128 steps is below 2 %. */
const LENGTH_STEP = 128;

/** The slots of a decode batch. */
export class SlotMemory {
  readonly #memory: KvMemory;
  readonly #layout: KvLayout;
  #planes: Float32Array[];
  #slots = 0;
  #length = 0;
  #tokens: number[] = [];

  constructor(memory: KvMemory) {
    this.#memory = memory;
    this.#layout = memory.layout;
    this.#planes = Array.from({ length: planeCount(this.#layout) }, () => new Float32Array(0));
  }

  /** P of the graph: tokens that fit into a slot. */
  get length(): number {
    return this.#length;
  }

  /** Copies a sequence out of its blocks into a slot. */
  admit(slot: number, blocks: readonly BlockId[], tokenCount: number): void {
    this.#tokens[slot] = 0; // What was there before need not survive a change of shape.
    this.#reserve(slot + 1, tokenCount);
    copyBlocksToRows(this.#memory, { blocks, start: 0, end: tokenCount }, this.rows(slot));
    this.#tokens[slot] = tokenCount;
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
    this.#shrink();
    this.#reserve(positions.length, Math.max(...positions));
  }

  /** The first `batch` slots of each plane; a view. */
  views(batch: number): readonly Float32Array[] {
    const elements = batch * rowElements(this.#layout, this.#length);
    return this.#planes.map((plane) => plane.subarray(0, elements));
  }

  /** Where a slot's KV lies; valid until the shape of the memory changes. */
  rows(slot: number): KvRows {
    return slotRows(this.#layout, this.#planes, slot, this.#length);
  }

  /** Appends the KV of one token to a slot. */
  append(slot: number, token: KvRows): void {
    const rows = this.rows(slot);
    const position = this.#tokens[slot]!;
    const end = { ...rows, offset: rows.offset + position * this.#layout.headDim };
    copyRows(this.#layout, token, end, 1);
    this.#tokens[slot] = position + 1;
  }

  #reserve(slots: number, tokens: number): void {
    const length = roundUp(tokens + 1, LENGTH_STEP); // S2
    if (slots <= this.#slots && length <= this.#length) return;
    const wanted = slots <= this.#slots ? this.#slots : powerOfTwo(slots);
    this.#reshape(wanted, Math.max(length, this.#length));
  }

  /** Gives memory back once a quarter of the slots or half of P would do; the gap keeps it from swinging. */
  #shrink(): void {
    const slots = powerOfTwo(this.#tokens.length);
    const length = roundUp(Math.max(...this.#tokens) + 1, LENGTH_STEP);
    if (slots * 4 > this.#slots && length * 2 > this.#length) return;
    this.#reshape(Math.min(slots, this.#slots), Math.min(length, this.#length));
  }

  /** Moves what is valid into memory of another shape, a plane at a time so that little is held twice. */
  #reshape(slots: number, length: number): void {
    for (const [index, old] of this.#planes.entries()) {
      const plane = new Float32Array(slots * rowElements(this.#layout, length));
      for (const [slot, tokens] of this.#tokens.entries()) {
        if (!tokens) continue;
        const from = slotRows(this.#layout, [old], slot, this.#length);
        copyRows(this.#layout, from, slotRows(this.#layout, [plane], slot, length), tokens);
      }
      this.#planes[index] = plane;
    }
    this.#slots = slots;
    this.#length = length;
  }

  #expectTokens(slot: number, tokens: number): void {
    if (this.#tokens[slot] === tokens) return;
    throw new BatonError(
      "internal",
      `Cannot continue slot "${slot}": it holds ${this.#tokens[slot] ?? 0} tokens, expected ${tokens}`,
    );
  }
}

function slotRows(layout: KvLayout, planes: readonly Float32Array[], slot: number, length: number): KvRows {
  return { planes, offset: slot * rowElements(layout, length), length };
}

function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, value)));
}
