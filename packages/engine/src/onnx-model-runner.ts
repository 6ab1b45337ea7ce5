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
import { DecodeFeeds } from "./decode-feeds.ts";
import { planeCount } from "./kv-rows.ts";
import type { ModelInfo, ModelRunner, RunnerChunk, RunnerRow } from "./model-runner.ts";
import { OnnxSession } from "./onnx-session.ts";
import { planeName, planeTensors, type Tensors } from "./plane-tensors.ts";
import { PrefillWorkspace } from "./prefill-workspace.ts";
import type { OnnxRunnerSpec } from "./runner-spec.ts";
import { SlotMemory } from "./slot-memory.ts";

/** Runs compiled graphs on ONNX Runtime. */
export class OnnxModelRunner implements ModelRunner {
  readonly info: ModelInfo;
  readonly #layout: KvLayout;
  readonly #prefill: OnnxSession;
  readonly #decode: OnnxSession;
  readonly #workspace: PrefillWorkspace;
  readonly #slots: SlotMemory;
  readonly #window: number;
  /** Outputs of the decode graph, one for each plane. */
  readonly #newPlanes: readonly string[];

  #feeds: DecodeFeeds | undefined;

  private constructor(spec: OnnxRunnerSpec, memory: KvMemory, slotTokens: number) {
    this.info = spec.info;
    this.#layout = spec.info.layout;
    this.#window = spec.slidingWindow ?? Number.POSITIVE_INFINITY;
    this.#prefill = new OnnxSession(spec.prefillGraph, spec.threads);
    this.#decode = new OnnxSession(spec.decodeGraph, spec.threads);
    this.#workspace = new PrefillWorkspace(memory);
    this.#slots = new SlotMemory(memory, slotTokens);
    this.#newPlanes = Array.from({ length: planeCount(this.#layout) }, (_, plane) => planeName("new", plane));
  }

  /** Loads the graphs of the spec's roles. @param slotTokens tokens that fit into all slots together */
  static async create(spec: OnnxRunnerSpec, memory: KvMemory, slotTokens: number): Promise<OnnxModelRunner> {
    const runner = new OnnxModelRunner(spec, memory, slotTokens);
    if (spec.roles.includes("prefill")) await runner.#prefill.load();
    if (spec.roles.includes("decode")) await runner.#decode.load();
    return runner;
  }

  get graphMs(): number {
    return this.#prefill.runMs + this.#decode.runMs;
  }

  async prefill(chunk: RunnerChunk): Promise<Float32Array> {
    const { kvHeads, headDim } = this.#layout;
    const rows = this.#workspace.open(chunk);
    const dims = [1, kvHeads, rows.length, headDim];
    const feeds = { ...chunkTensors(chunk), ...planeTensors("past", rows.planes, dims) };
    // Present is past: GroupQueryAttention then appends in place. What `run` returns are copies, which nobody needs.
    const fetches = { logits: null, ...planeTensors("present", rows.planes, dims) };
    const outputs = await this.#prefill.run(feeds, fetches);
    this.#workspace.close(chunk, rows);
    return floatsOf(outputs, "logits");
  }

  admit(slot: number, blocks: readonly BlockId[], tokenCount: number): void {
    this.#slots.admit(slot, blocks, tokenCount);
  }

  save(slot: number, blocks: readonly BlockId[], start: number, end: number): void {
    this.#slots.save(slot, blocks, start, end);
  }

  move(from: number, to: number, tokenCount: number): void {
    this.#slots.move(from, to, tokenCount);
  }

  clear(slot: number): void {
    this.#slots.clear(slot);
  }

  resize(slots: number, length: number): void {
    this.#slots.resize(slots, length);
  }

  async decode(rows: readonly RunnerRow[]): Promise<Float32Array> {
    this.#slots.begin(rows.map((row) => row.position));
    const feeds = this.#feedsFor(rows.length);
    feeds.fill(rows);
    const outputs = await this.#decode.run(feeds.tensors);
    this.#slots.append(this.#newPlanes.map((name) => floatsOf(outputs, name)));
    return floatsOf(outputs, "logits");
  }

  async close(): Promise<void> {
    await this.#prefill.close();
    await this.#decode.close();
  }

  #feedsFor(batch: number): DecodeFeeds {
    if (!this.#feeds?.fit(batch, this.#slots.length)) {
      const { kvHeads, headDim } = this.#layout;
      this.#feeds = new DecodeFeeds(this.#slots, [kvHeads, headDim], batch, this.#window);
    }
    return this.#feeds;
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

function int64(values: readonly number[], dims: readonly number[]): Tensor {
  return new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

function floatsOf(outputs: Readonly<Tensors>, name: string): Float32Array {
  return outputs[name]!.data as Float32Array;
}
