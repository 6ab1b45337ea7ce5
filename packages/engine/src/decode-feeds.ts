/**
 * Owns the inputs of the decode graph. Tensors are kept for as long as their shape is: making sixty of them takes longer
 * than all else that a step does on this side of the graph.
 */
import { Tensor } from "onnxruntime-node";
import type { RunnerRow } from "./model-runner.ts";
import { planeTensors, type Tensors } from "./plane-tensors.ts";
import type { SlotMemory } from "./slot-memory.ts";

/** Inputs for a batch of one size in slots of one length. */
export class DecodeFeeds {
  readonly tensors: Tensors;
  readonly #batch: number;
  readonly #length: number;
  /** Tokens that a row attends to, itself included. */
  readonly #window: number;
  readonly #tokenIds: BigInt64Array;
  readonly #positions: BigInt64Array;
  /** `[batch][length]`: 0 where a row looks, minus infinity elsewhere. */
  readonly #mask: Float32Array;

  constructor(
    slots: SlotMemory,
    heads: readonly [kvHeads: number, headDim: number],
    batch: number,
    window: number,
  ) {
    const { length } = slots;
    const [kvHeads, headDim] = heads;
    this.#batch = batch;
    this.#length = length;
    this.#window = window;
    this.#tokenIds = new BigInt64Array(batch);
    this.#positions = new BigInt64Array(batch);
    this.#mask = new Float32Array(batch * length);
    this.tensors = {
      input_ids: new Tensor("int64", this.#tokenIds, [batch, 1]),
      position_ids: new Tensor("int64", this.#positions, [batch, 1]),
      mask: new Tensor("float32", this.#mask, [batch, 1, 1, length]),
      ...planeTensors("past", slots.views(batch), [batch, kvHeads, 1, length, headDim]),
    };
  }

  /** Whether the tensors have the shape of a batch. */
  fit(batch: number, length: number): boolean {
    return batch === this.#batch && length === this.#length;
  }

  /** Writes a step's tokens, their places, and what each may see: the tokens of its slot within its window. */
  fill(rows: readonly RunnerRow[]): void {
    const length = this.#length;
    for (const [slot, { tokenId, position }] of rows.entries()) {
      this.#tokenIds[slot] = BigInt(tokenId);
      this.#positions[slot] = BigInt(position);
      const first = Math.max(0, position + 1 - this.#window);
      this.#mask
        .fill(Number.NEGATIVE_INFINITY, slot * length, (slot + 1) * length)
        .fill(0, slot * length + first, slot * length + position);
    }
  }
}
