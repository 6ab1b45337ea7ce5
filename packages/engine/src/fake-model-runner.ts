/**
 * A model without weights. The KV of a token follows from the token and its position; the logits of a position follow
 * from every element of KV that is found in blocks or pages up to there, so that lost, stale or mixed-up KV changes
 * the answer. Elements are exact in float32, so they survive any number of copies.
 */
import { BatonError, type KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import type { ChunkStop } from "./chunk-stop.ts";
import { copyBlocksToRows, copyRowsToBlocks, type KvRows, newRows, rowElements } from "./kv-rows.ts";
import type { ModelInfo, ModelRunner, RunnerChunk, RunnerRow } from "./model-runner.ts";
import { Fp32Pages } from "./pages/fp32-pages.ts";
import { PageMemory, placeOf } from "./pages/page-memory.ts";
import { PAGE_TOKENS } from "./pages/page-store.ts";

/** Runs the stand-in. */
export class FakeModelRunner implements ModelRunner {
  readonly info: ModelInfo;
  readonly graphMs = 0;
  readonly #memory: KvMemory;
  readonly pages: PageMemory;
  readonly #store: Fp32Pages;
  readonly #brokenTokenId: number | undefined;

  /**
   * @param batchTokens tokens that fit into all pages together
   * @param brokenTokenId computing it throws
   */
  constructor(info: ModelInfo, memory: KvMemory, batchTokens: number, brokenTokenId?: number) {
    this.#brokenTokenId = brokenTokenId;
    this.info = info;
    this.#memory = memory;
    this.#store = new Fp32Pages(memory, Math.floor(batchTokens / PAGE_TOKENS));
    this.pages = new PageMemory(this.#store);
  }

  async prefill(
    { blocks, start, tokenIds }: RunnerChunk,
    stop?: ChunkStop,
  ): Promise<Float32Array | undefined> {
    const end = start + tokenIds.length;
    const rows = newRows(this.info.layout, end);
    copyBlocksToRows(this.#memory, { blocks, start: 0, end: start }, rows);
    for (const [index, tokenId] of tokenIds.entries()) {
      if (stop?.isSet) return undefined;
      this.#fill(rows, start + index, tokenId, start + index);
    }
    copyRowsToBlocks(rows, this.#memory, { blocks, start, end });
    return this.#logits([
      hashTokens(this.info.layout, end, (position) => tokenOf(this.info.layout, rows, position)),
    ]);
  }

  async decode(rows: readonly RunnerRow[], pages: number): Promise<Float32Array> {
    const { layout } = this.info;
    assertBelow(rows, pages);
    this.pages.check(rows);
    const tokens = newRows(layout, rows.length).planes;
    for (const [index, { tokenId, position }] of rows.entries()) {
      const offset = index * rowElements(layout, 1);
      this.#fill({ planes: tokens, offset, length: 1 }, 0, tokenId, position);
    }
    this.pages.append(rows, tokens);
    return this.#logits(
      rows.map((row) =>
        hashTokens(layout, row.position + 1, (position) => this.#store.rowsAt(placeOf(row.pages, position))),
      ),
    );
  }

  async close(): Promise<void> {}

  /** Writes the KV of the token at `position` of its sequence to position `at` of the rows. */
  #fill(rows: KvRows, at: number, tokenId: number, position: number): void {
    if (tokenId === this.#brokenTokenId) throw new Error(`Cannot compute token "${tokenId}": it is broken`);
    fillToken(this.info.layout, rows, at, mix(tokenId, position));
  }

  #logits(hashes: readonly number[]): Float32Array {
    const { vocabSize } = this.info;
    const logits = new Float32Array(hashes.length * vocabSize);
    for (const [row, hash] of hashes.entries()) {
      for (let token = 0; token < vocabSize; token++) {
        logits[row * vocabSize + token] = Number.isNaN(hash)
          ? hash
          : fraction(mix(hash, token)) * LOGIT_RANGE;
      }
    }
    return logits;
  }
}

/** Wide enough that sampling is neither greedy nor blind. */
const LOGIT_RANGE = 8;

/** Writes every element of one token's K and V, each different. */
function fillToken(layout: KvLayout, rows: KvRows, position: number, hash: number): void {
  let element = 0;
  forEachElement(layout, rows, position, (plane, index) => {
    plane[index] = fraction(mix(hash, element++));
  });
}

/** Rows of which a token of others is token 0. */
function tokenOf({ headDim }: KvLayout, rows: KvRows, position: number): KvRows {
  return { ...rows, offset: rows.offset + position * headDim };
}

/** The real graph sees nothing of the pages behind. */
function assertBelow(rows: readonly RunnerRow[], pages: number): void {
  const beyond = rows.flatMap((row) => row.pages).find((page) => page >= pages);
  if (beyond === undefined) return;
  throw new BatonError("internal", `Cannot decode with page "${beyond}": expected a page below ${pages}`);
}

/** Hash of the first `count` tokens' K and V, in order; NaN if an element is, as arithmetic would have it. */
function hashTokens(layout: KvLayout, count: number, rowsAt: (position: number) => KvRows): number {
  let hash = 0;
  let isNumber = true;
  for (let position = 0; position < count; position++) {
    forEachElement(layout, rowsAt(position), 0, (plane, index) => {
      hash = mix(hash, plane[index]! * FRACTION_STEPS);
      isNumber &&= !Number.isNaN(plane[index]);
    });
  }
  return isNumber ? hash : Number.NaN;
}

function forEachElement(
  layout: KvLayout,
  rows: KvRows,
  position: number,
  visit: (plane: Float32Array, index: number) => void,
): void {
  for (const plane of rows.planes) {
    for (let head = 0; head < layout.kvHeads; head++) {
      const start = rows.offset + (head * rows.length + position) * layout.headDim;
      for (let index = start; index < start + layout.headDim; index++) visit(plane, index);
    }
  }
}

/** A float32 has 24 bits of precision: so many different fractions are exact. */
const FRACTION_STEPS = 2 ** 24;

function fraction(hash: number): number {
  return (hash >>> 8) / FRACTION_STEPS;
}

/** Mixes two numbers into 32 bits (the finaliser of MurmurHash3). */
function mix(a: number, b: number): number {
  let h = (Math.imul(a, 0x9e3779b1) + b) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
