/** Owns the bookkeeping that tests of a runner need: blocks, prompts, greedy answers. */
import { type BlockId, blockId, blocksFor } from "@baton/core";
import type { KvMemory } from "@baton/kv-cache";
import type { ModelRunner, RunnerRow } from "../model-runner.ts";
import { PAGE_TOKENS } from "../pages/page-store.ts";

/** A runner over fresh KV memory for at least 2,048 tokens. */
export interface RunnerUnderTest {
  readonly runner: ModelRunner;
  readonly memory: KvMemory;
}

/** A prompt that was computed. */
export interface ComputedPrompt {
  readonly tokenIds: readonly number[];
  readonly blocks: readonly BlockId[];
  readonly logits: Float32Array;
}

/** One runner and its blocks. */
export class RunnerBench {
  readonly runner: ModelRunner;
  readonly memory: KvMemory;
  #freeBlocks: number;
  #sequences = 0;

  constructor({ runner, memory }: RunnerUnderTest) {
    this.runner = runner;
    this.memory = memory;
    this.#freeBlocks = memory.blocks;
  }

  /** Blocks for so many tokens that nobody has used, from the last one down: a table in no natural order. */
  allocate(tokens: number): readonly BlockId[] {
    const count = blocksFor(tokens, this.memory.layout.blockSize);
    return Array.from({ length: count }, () => blockId(--this.#freeBlocks));
  }

  newSequenceId(): string {
    return `sequence-${this.#sequences++}`;
  }

  /** A prompt that differs from those of other salts from its first token on. */
  prompt(length: number, salt: number): readonly number[] {
    const { vocabSize } = this.runner.info;
    return Array.from(
      { length },
      (_, index) => (salt * 101 + index * 37 + ((index * index) % 11)) % vocabSize,
    );
  }

  /** Computes a prompt in chunks of `chunkTokens`. */
  async compute(tokenIds: readonly number[], chunkTokens = tokenIds.length): Promise<ComputedPrompt> {
    const blocks = this.allocate(tokenIds.length);
    return this.computeInto(blocks, 0, tokenIds, chunkTokens);
  }

  /** Computes the tokens from `start` on into blocks that hold those before. */
  async computeInto(
    blocks: readonly BlockId[],
    start: number,
    tokenIds: readonly number[],
    chunkTokens: number,
  ): Promise<ComputedPrompt> {
    const sequenceId = this.newSequenceId();
    let logits = new Float32Array();
    for (let at = start; at < tokenIds.length; at += chunkTokens) {
      const chunk = tokenIds.slice(at, at + chunkTokens);
      const promptTokens = tokenIds.length;
      logits = Float32Array.from(
        (await this.runner.prefill({ sequenceId, blocks, start: at, tokenIds: chunk, promptTokens }))!,
      );
    }
    return { tokenIds, blocks, logits };
  }

  /** Copies a sequence's first tokens into the pages of a seat. */
  load(seat: number, blocks: readonly BlockId[], tokens: number): void {
    this.runner.pages.load({ pages: pagesOf(seat, tokens), blocks, start: 0, end: tokens });
  }

  /** Logits of one step of the batch, a row for each sequence: row i sits on seat i. */
  async decode(rows: readonly Omit<RunnerRow, "pages">[]): Promise<readonly Float32Array[]> {
    const { vocabSize } = this.runner.info;
    const seated = rows.map((row, seat) => ({ ...row, pages: pagesOf(seat, row.position + 1) }));
    const pages = Math.max(...seated.flatMap((row) => row.pages)) + 1;
    const logits = await this.runner.decode(seated, pages);
    return rows.map((_, row) => logits.slice(row * vocabSize, (row + 1) * vocabSize));
  }

  /** Elements of the first `tokens` tokens' KV as the blocks hold them, token by token. */
  kvOf(blocks: readonly BlockId[], tokens: number): Float32Array {
    const { blockSize, headDim, kvHeads, layers } = this.memory.layout;
    const heads = layers * 2 * kvHeads;
    const kv = new Float32Array(tokens * heads * headDim);
    for (let token = 0; token < tokens; token++) {
      const block = this.memory.floats(blocks[Math.floor(token / blockSize)]!);
      for (let head = 0; head < heads; head++) {
        const start = (head * blockSize + (token % blockSize)) * headDim;
        kv.set(block.subarray(start, start + headDim), (token * heads + head) * headDim);
      }
    }
    return kv;
  }
}

/** Seats of a runner under test. */
const SEATS = 8;

/** Tokens that fit into the pages of a runner under test: 1,024 for each seat. */
export const TEST_BATCH_TOKENS = SEATS * 1024;

/** The pages of a seat for so many tokens: between those of all others, and in no natural order. */
export function pagesOf(seat: number, tokens: number): readonly number[] {
  const swapped = [1, 0, 3, 2, 5, 4, 7, 6];
  return swapped.slice(0, Math.ceil(tokens / PAGE_TOKENS)).map((index) => index * SEATS + seat);
}

/** A batch of greedy answers; row i sits on seat i. */
export class GreedyBatch {
  readonly #bench: RunnerBench;
  readonly #rows: { tokenId: number; position: number; answer: number[] }[] = [];

  constructor(bench: RunnerBench) {
    this.#bench = bench;
  }

  /** Takes a prompt into the batch; returns its answer, which grows with every step. */
  admit({ blocks, tokenIds, logits }: ComputedPrompt): readonly number[] {
    return this.replace(this.#rows.length, { blocks, tokenIds, logits });
  }

  /** Gives a prompt the seat of a sequence that is dropped. */
  replace(seat: number, { blocks, tokenIds, logits }: ComputedPrompt): readonly number[] {
    this.#bench.load(seat, blocks, tokenIds.length);
    const tokenId = argmax(logits);
    const answer = [tokenId];
    this.#rows[seat] = { tokenId, position: tokenIds.length, answer };
    return answer;
  }

  /** Drops a sequence and moves the last one to its seat. */
  drop(seat: number): void {
    const last = this.#rows.pop()!;
    const from = this.#rows.length;
    if (seat === from) return;
    const to = pagesOf(seat, last.position);
    for (const [index, page] of pagesOf(from, last.position).entries()) {
      this.#bench.runner.pages.move(page, to[index]!);
    }
    this.#rows[seat] = last;
  }

  async step(count: number): Promise<void> {
    for (let step = 0; step < count; step++) {
      const logits = await this.#bench.decode(this.#rows);
      for (const [seat, row] of this.#rows.entries()) {
        row.tokenId = argmax(logits[seat]!);
        row.position++;
        row.answer.push(row.tokenId);
      }
    }
  }
}

/** The most likely token. */
export function argmax(logits: Float32Array): number {
  return logits.indexOf(Math.max(...logits));
}

/** Largest difference between two arrays of equal length. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);
}
