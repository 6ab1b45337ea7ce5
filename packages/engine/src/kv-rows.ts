/**
 * Copies KV between blocks, the form in which it is kept and sent, and rows, the form in which the graphs read it.
 *
 * A plane is the K or the V of one layer; planes have the order of a block's first two axes, so plane `2 * l` is K of
 * layer l and `2 * l + 1` its V. Rows are one sequence's part of every plane: `[kvHeads][length][headDim]`.
 */
import type { BlockId, KvLayout } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";

/** Where one sequence's KV lies in a set of planes. */
export interface KvRows {
  readonly planes: readonly Float32Array[];
  /** First element of the sequence in every plane. */
  readonly offset: number;
  /** Tokens that fit; the distance between two heads is `length * headDim` elements. */
  readonly length: number;
}

/** Tokens [start, end) of one sequence, and the blocks that hold it from token 0 on. */
export interface KvRange {
  readonly blocks: readonly BlockId[];
  readonly start: number;
  readonly end: number;
}

/** K and V planes of a model. */
export function planeCount(layout: KvLayout): number {
  return layout.layers * 2;
}

/** What the graphs call a plane: `past.3.v` for plane 7. */
export function planeName(prefix: string, plane: number): string {
  return `${prefix}.${Math.floor(plane / 2)}.${plane % 2 === 0 ? "k" : "v"}`;
}

/** Elements of one sequence of `length` tokens in one plane. */
export function rowElements(layout: KvLayout, length: number): number {
  return layout.kvHeads * length * layout.headDim;
}

/** Memory for one sequence of `length` tokens. */
export function newRows(layout: KvLayout, length: number): KvRows {
  const elements = rowElements(layout, length);
  const planes = Array.from({ length: planeCount(layout) }, () => new Float32Array(elements));
  return { planes, offset: 0, length };
}

/** Copies a range out of blocks into rows. */
export function copyBlocksToRows(memory: KvMemory, range: KvRange, rows: KvRows): void {
  forEachStretch(memory, range, rows, (block, inBlock, plane, inPlane, count) => {
    plane.set(block.subarray(inBlock, inBlock + count), inPlane);
  });
}

/** Copies a range out of rows into blocks. */
export function copyRowsToBlocks(rows: KvRows, memory: KvMemory, range: KvRange): void {
  forEachStretch(memory, range, rows, (block, inBlock, plane, inPlane, count) => {
    block.set(plane.subarray(inPlane, inPlane + count), inBlock);
  });
}

/** Calls `copy` for every stretch that is contiguous on both sides: the tokens of one head in one block. */
function forEachStretch(
  memory: KvMemory,
  range: KvRange,
  rows: KvRows,
  copy: (block: Float32Array, inBlock: number, plane: Float32Array, inPlane: number, count: number) => void,
): void {
  const { headDim, kvHeads } = memory.layout;
  for (const run of runsOf(memory, range)) {
    for (const [index, plane] of rows.planes.entries()) {
      for (let head = 0; head < kvHeads; head++) {
        const inPlane = rows.offset + (head * rows.length + run.token) * headDim;
        copy(run.block, inBlock(memory.layout, run, index, head), plane, inPlane, run.tokens * headDim);
      }
    }
  }
}

/** Consecutive tokens of a sequence in one block. */
export interface BlockRun {
  readonly block: Float32Array;
  /** The first token's place in the block. */
  readonly first: number;
  /** Its position in the sequence. */
  readonly token: number;
  readonly tokens: number;
}

/** A range, block by block. */
export function runsOf(memory: KvMemory, { blocks, start, end }: KvRange): readonly BlockRun[] {
  const { blockSize } = memory.layout;
  const runs: BlockRun[] = [];
  for (let token = start; token < end; token += runs.at(-1)!.tokens) {
    const first = token % blockSize;
    const block = memory.floats(blocks[Math.floor(token / blockSize)]!);
    runs.push({ block, first, token, tokens: Math.min(blockSize - first, end - token) });
  }
  return runs;
}

/** First element of one head of a run; those of its tokens follow each other. */
export function inBlock(
  { blockSize, headDim, kvHeads }: KvLayout,
  { first }: BlockRun,
  plane: number,
  head: number,
): number {
  return ((plane * kvHeads + head) * blockSize + first) * headDim;
}
