/**
 * Owns the contract with the graphs: the names, types and shapes of their inputs and outputs.
 * S tokens of a chunk, B rows of a batch, P tokens that the memory has room for, per layer l and t = k | v:
 *
 *   prefill  input_ids int64 [1,S], seqlens_k int32 [1], total_sequence_length int32 [], past.l.t [1,kvHeads,P,headDim]
 *            -> logits [1,1,V] of the last position, present.l.t, which is the same memory as past.l.t
 *   decode   input_ids int64 [B,1], position_ids int64 [B,1], mask [B,1,1,P], past.l.t [B,kvHeads,1,P,headDim]
 *            -> logits [B,1,V], new.l.t [B,kvHeads,1,headDim]
 */
import type { BlockId, KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import { Tensor } from "onnxruntime-node";
import { planeCount, rowElements } from "./kv-rows.ts";
import type { ModelInfo, ModelRunner, RunnerChunk, RunnerRow } from "./model-runner.ts";
import { OnnxSession } from "./onnx-session.ts";
import { PrefillWorkspace } from "./prefill-workspace.ts";
import type { OnnxRunnerSpec } from "./runner-spec.ts";
import { SlotMemory } from "./slot-memory.ts";

type Tensors = Record<string, Tensor>;

/** Runs compiled graphs on ONNX Runtime. */
export class OnnxModelRunner implements ModelRunner {
  readonly info: ModelInfo;
  readonly #layout: KvLayout;
  readonly #prefill: OnnxSession;
  readonly #decode: OnnxSession;
  readonly #workspace: PrefillWorkspace;
  readonly #slots: SlotMemory;
  readonly #window: number;

  private constructor(spec: OnnxRunnerSpec, memory: KvMemory) {
    this.info = spec.info;
    this.#layout = spec.info.layout;
    this.#window = spec.slidingWindow ?? Number.POSITIVE_INFINITY;
    this.#prefill = new OnnxSession(spec.prefillGraph, spec.threads);
    this.#decode = new OnnxSession(spec.decodeGraph, spec.threads);
    this.#workspace = new PrefillWorkspace(memory);
    this.#slots = new SlotMemory(memory);
  }

  /** Loads the graphs of the spec's roles. */
  static async create(spec: OnnxRunnerSpec, memory: KvMemory): Promise<OnnxModelRunner> {
    const runner = new OnnxModelRunner(spec, memory);
    if (spec.roles.includes("prefill")) await runner.#prefill.load();
    if (spec.roles.includes("decode")) await runner.#decode.load();
    return runner;
  }

  async prefill(chunk: RunnerChunk): Promise<Float32Array> {
    const session = await this.#prefill.load();
    const { kvHeads, headDim } = this.#layout;
    const rows = this.#workspace.open(chunk);
    const dims = [1, kvHeads, rows.length, headDim];
    const feeds = { ...chunkTensors(chunk), ...planeTensors("past", rows.planes, dims) };
    // Present is past: GroupQueryAttention then appends in place. What `run` returns are copies, which nobody needs.
    const fetches = { logits: null, ...planeTensors("present", rows.planes, dims) };
    const outputs = await session.run(feeds, fetches);
    this.#workspace.close(chunk, rows);
    return floatsOf(outputs, "logits");
  }

  admit(slot: number, blocks: readonly BlockId[], tokenCount: number): void {
    this.#slots.admit(slot, blocks, tokenCount);
  }

  move(from: number, to: number, tokenCount: number): void {
    this.#slots.move(from, to, tokenCount);
  }

  clear(slot: number): void {
    this.#slots.clear(slot);
  }

  async decode(rows: readonly RunnerRow[]): Promise<Float32Array> {
    const session = await this.#decode.load();
    const { kvHeads, headDim } = this.#layout;
    this.#slots.begin(rows.map((row) => row.position));
    const { length } = this.#slots;
    const past = this.#slots.views(rows.length);
    const outputs = await session.run({
      ...batchTensors(rows, length, this.#window),
      ...planeTensors("past", past, [rows.length, kvHeads, 1, length, headDim]),
    });
    const planes = this.#newPlanes(outputs);
    const size = rowElements(this.#layout, 1);
    for (const slot of rows.keys()) this.#slots.append(slot, { planes, offset: slot * size, length: 1 });
    return floatsOf(outputs, "logits");
  }

  async close(): Promise<void> {
    await this.#prefill.close();
    await this.#decode.close();
  }

  #newPlanes(outputs: Readonly<Tensors>): readonly Float32Array[] {
    const planes = planeCount(this.#layout);
    return Array.from({ length: planes }, (_, plane) => floatsOf(outputs, planeName("new", plane)));
  }
}

function chunkTensors(chunk: RunnerChunk): Tensors {
  const total = chunk.start + chunk.tokenIds.length;
  return {
    input_ids: int64(chunk.tokenIds, [1, chunk.tokenIds.length]),
    seqlens_k: new Tensor("int32", Int32Array.of(total - 1), [1]),
    total_sequence_length: new Tensor("int32", Int32Array.of(total), []),
  };
}

/** The mask shows each row the tokens of its slot, as far as its window of `window` tokens, itself included, reaches. */
function batchTensors(rows: readonly RunnerRow[], length: number, window: number): Tensors {
  const mask = new Float32Array(rows.length * length).fill(Number.NEGATIVE_INFINITY);
  for (const [slot, { position }] of rows.entries()) {
    const first = Math.max(0, position + 1 - window);
    mask.fill(0, slot * length + first, slot * length + position);
  }
  const dims = [rows.length, 1];
  return {
    input_ids: int64(
      rows.map((row) => row.tokenId),
      dims,
    ),
    position_ids: int64(
      rows.map((row) => row.position),
      dims,
    ),
    mask: new Tensor("float32", mask, [rows.length, 1, 1, length]),
  };
}

function planeTensors(prefix: string, planes: readonly Float32Array[], dims: readonly number[]): Tensors {
  return Object.fromEntries(
    planes.map((data, plane) => [planeName(prefix, plane), new Tensor("float32", data, dims)]),
  );
}

/** `past.3.v` for plane 7: planes alternate between K and V. */
function planeName(prefix: string, plane: number): string {
  return `${prefix}.${Math.floor(plane / 2)}.${plane % 2 === 0 ? "k" : "v"}`;
}

function int64(values: readonly number[], dims: readonly number[]): Tensor {
  return new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

function floatsOf(outputs: Readonly<Tensors>, name: string): Float32Array {
  return outputs[name]!.data as Float32Array;
}
