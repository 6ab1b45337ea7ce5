/**
 * Owns the contract with the graphs: the names, types and shapes of their inputs and outputs.
 * S tokens of a chunk, P tokens that the memory has room for, B rows of a batch, N pages of C tokens, M pages of the
 * longest row, per layer l and t = k | v:
 *
 *   prefill  input_ids int64 [1,S], seqlens_k int32 [1], total_sequence_length int32 [], past.l.t [1,kvHeads,P,headDim],
 *            attended_shape int64 [3] (see chunk-stop.ts)
 *            -> logits [1,1,V] of the last position, present.l.t, which is the same memory as past.l.t
 *   decode   input_ids int64 [B,1], position_ids int64 [B,1], token_mask [N,1,1,C], page_rows int64 [N],
 *            row_pages int64 [B,1,M], page_mask [B,1,M], and what pages/ has: past.l.t [N,kvHeads,1,C,headDim] or bytes
 *            -> logits [B,1,V], new.l.t [B,1,kvHeads*headDim]
 */
import type { KvLayout, PageDtype } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import { Tensor } from "onnxruntime-node";
import { ChunkStop } from "./chunk-stop.ts";
import { DecodeFeeds } from "./decode-feeds.ts";
import { planeCount, planeName } from "./kv-rows.ts";
import type { ModelInfo, ModelRunner, RunnerChunk, RunnerRow } from "./model-runner.ts";
import { OnnxSession } from "./onnx-session.ts";
import { Fp32Pages } from "./pages/fp32-pages.ts";
import { Int8Pages } from "./pages/int8-pages.ts";
import { PageMemory } from "./pages/page-memory.ts";
import { PAGE_TOKENS, type PageStore } from "./pages/page-store.ts";
import { planeTensors, type Tensors } from "./plane-tensors.ts";
import { PrefillWorkspace } from "./prefill-workspace.ts";
import type { OnnxRunnerSpec } from "./runner-spec.ts";

/** Runs compiled graphs on ONNX Runtime. */
export class OnnxModelRunner implements ModelRunner {
  readonly info: ModelInfo;
  readonly #layout: KvLayout;
  readonly #prefill: OnnxSession;
  readonly #decode: OnnxSession;
  readonly #workspace: PrefillWorkspace;
  readonly pages: PageMemory;
  readonly #window: number;
  /** Outputs of the decode graph, one for each plane. */
  readonly #newPlanes: readonly string[];

  #feeds: DecodeFeeds | undefined;

  private constructor(spec: OnnxRunnerSpec, memory: KvMemory, batchTokens: number) {
    this.info = spec.info;
    this.#layout = spec.info.layout;
    this.#window = spec.slidingWindow ?? Number.POSITIVE_INFINITY;
    this.#prefill = new OnnxSession(spec.prefillGraph, spec.threads);
    this.#decode = new OnnxSession(spec.decodeGraph, spec.threads);
    this.#workspace = new PrefillWorkspace(memory);
    this.pages = new PageMemory(newPages(spec.pageDtype, memory, Math.floor(batchTokens / PAGE_TOKENS)));
    this.#newPlanes = Array.from({ length: planeCount(this.#layout) }, (_, plane) => planeName("new", plane));
  }

  /** Loads the graphs of the spec's roles. @param batchTokens tokens that fit into all pages together */
  static async create(spec: OnnxRunnerSpec, memory: KvMemory, batchTokens: number): Promise<OnnxModelRunner> {
    const runner = new OnnxModelRunner(spec, memory, batchTokens);
    if (spec.roles.includes("prefill")) await runner.#prefill.load();
    if (spec.roles.includes("decode")) await runner.#decode.load();
    return runner;
  }

  get graphMs(): number {
    return this.#prefill.runMs + this.#decode.runMs;
  }

  async prefill(chunk: RunnerChunk, stop = ChunkStop.never()): Promise<Float32Array | undefined> {
    const { kvHeads, headDim } = this.#layout;
    const rows = this.#workspace.open(chunk, stop);
    if (!rows) return undefined;
    const dims = [1, kvHeads, rows.length, headDim];
    const feeds = { ...chunkTensors(chunk, stop), ...planeTensors("past", rows.planes, dims) };
    // Present is past: GroupQueryAttention then appends in place. What `run` returns are copies, which nobody needs.
    const fetches = { logits: null, ...planeTensors("present", rows.planes, dims) };
    const outputs = await this.#prefill.run(feeds, fetches).catch((reason: unknown) => {
      if (!stop.isSet) throw reason;
    });
    if (!outputs) return undefined;
    this.#workspace.close(chunk, rows);
    return floatsOf(outputs, "logits");
  }

  async decode(rows: readonly RunnerRow[], pages: number): Promise<Float32Array> {
    this.pages.check(rows);
    const feeds = this.#feedsFor(rows, pages);
    feeds.fill(rows);
    const outputs = await this.#decode.run(feeds.tensors);
    this.pages.append(
      rows,
      this.#newPlanes.map((name) => floatsOf(outputs, name)),
    );
    return floatsOf(outputs, "logits");
  }

  async close(): Promise<void> {
    await this.#prefill.close();
    await this.#decode.close();
  }

  #feedsFor(rows: readonly RunnerRow[], pages: number): DecodeFeeds {
    if (!this.#feeds?.fit(rows, pages)) {
      this.#feeds = new DecodeFeeds(this.pages, { rows, pages, window: this.#window });
    }
    return this.#feeds;
  }
}

function newPages(dtype: PageDtype, memory: KvMemory, pages: number): PageStore {
  return dtype === "fp32" ? new Fp32Pages(memory, pages) : new Int8Pages(memory, pages);
}

function chunkTensors(chunk: RunnerChunk, stop: ChunkStop): Tensors {
  const total = chunk.start + chunk.tokenIds.length;
  return {
    input_ids: int64(chunk.tokenIds, [1, chunk.tokenIds.length]),
    seqlens_k: new Tensor("int32", Int32Array.of(total - 1), [1]),
    total_sequence_length: new Tensor("int32", Int32Array.of(total), []),
    attended_shape: new Tensor("int64", stop.shape, [stop.shape.length]),
  };
}

function int64(values: readonly number[], dims: readonly number[]): Tensor {
  return new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

function floatsOf(outputs: Readonly<Tensors>, name: string): Float32Array {
  return outputs[name]!.data as Float32Array;
}
