// For tests: an engine without a model. The KV of a token is a number that depends on every token before it, and the
// next token depends on all KV of its sequence. KV that is missing, stale, of another sequence or at another place
// changes the answer, so comparing answers with `expectedAnswer` proves that blocks and pages were handled right.

import type { BlockId, FinishReason, SamplingParams, SequenceId } from "@baton/core";
import type { PrefillChunk, PrefillOutcome, StepOutcome, StepPlan } from "./step-plan.ts";

/** Tokens are 0 … VOCABULARY-1. */
const VOCABULARY = 31;

/** The KV of every position of a sequence. */
export function kvOf(tokenIds: readonly number[], before: readonly number[] = []): number[] {
  let last = before.at(-1) ?? 7;
  return tokenIds.map((token) => {
    last = Math.imul(last ^ (token + 1), 0x9e3779b1) ^ (last >>> 15);
    return last;
  });
}

/** The token that follows. */
export function nextToken(kv: readonly number[]): number {
  const mixed = kv.reduce((sum, value, i) => Math.imul(sum, 31) + value + i, 17);
  return (mixed >>> 8) % VOCABULARY;
}

/** What a sequence must answer, by rules of its own. */
export function expectedAnswer(
  prompt: readonly number[],
  sampling: SamplingParams,
): { readonly tokens: readonly number[]; readonly reason: FinishReason } {
  const kv = kvOf(prompt);
  const tokens: number[] = [];
  for (;;) {
    const token = nextToken(kv);
    if (sampling.stopTokenIds.includes(token)) return { tokens, reason: "stop" };
    tokens.push(token);
    if (tokens.length === sampling.maxTokens) return { tokens, reason: "length" };
    kv.push(...kvOf([token], kv));
  }
}

export class SymbolicExecutor {
  readonly #blockSize: number;
  readonly #pageTokens: number;
  readonly #blocks = new Map<BlockId, number[]>();
  readonly #pages: number[][] = [];

  constructor(blockSize: number, pageTokens: number) {
    this.#blockSize = blockSize;
    this.#pageTokens = pageTokens;
  }

  /** @param isStopped whose chunks are left half-way: what is in their place afterwards is of no use */
  execute(plan: StepPlan, isStopped: (id: SequenceId) => boolean = () => false): StepOutcome {
    for (const { pages, blocks, start, tokenIds } of plan.saves) {
      this.write(blocks, start, this.#kvIn(pages, start + tokenIds.length).slice(start));
    }
    for (const { from, to } of plan.moves) {
      this.#pages[to] = this.#pages[from] ?? [];
      this.#pages[from] = [];
    }
    for (const { pages, blocks, start, end } of plan.loads) {
      this.#append(pages, start, this.read(blocks, end).slice(start));
    }
    const prefills = plan.prefills.map((chunk) =>
      isStopped(chunk.sequenceId) ? this.#half(chunk) : this.#prefill(chunk),
    );
    const decodes = plan.decodes.map(({ tokenId, position, pages }) => {
      const kv = this.#kvIn(pages, position);
      const next = kvOf([tokenId], kv);
      this.#append(pages, position, next);
      return { tokenId: nextToken([...kv, ...next]) };
    });
    return { stepId: plan.stepId, prefills, decodes, decodeStartedAt: 3, decodeEndedAt: 4, graphMs: 1 };
  }

  /** The KV of positions 0 … count-1 in pages. */
  #kvIn(pages: readonly number[], count: number): number[] {
    return Array.from({ length: count }, (_, i) => {
      const page = this.#pages[pages[Math.floor(i / this.#pageTokens)]!];
      return page?.[i % this.#pageTokens] ?? Number.NaN;
    });
  }

  /** Writes KV for positions `start` and on into pages; what is behind it there is gone. */
  #append(pages: readonly number[], start: number, kv: readonly number[]): void {
    kv.forEach((value, i) => {
      const page = pages[Math.floor((start + i) / this.#pageTokens)];
      if (page === undefined) throw new Error(`No page for token ${start + i}`);
      const at = (start + i) % this.#pageTokens;
      const before = this.#pages[page]?.slice(0, at) ?? [];
      this.#pages[page] = [...before, value];
    });
  }

  /** Writes KV for positions `start` and on: what a prefill or a transfer does. */
  write(blocks: readonly BlockId[], start: number, kv: readonly number[]): void {
    kv.forEach((value, i) => {
      const block = blocks[Math.floor((start + i) / this.#blockSize)]!;
      const content = this.#blocks.get(block) ?? [];
      content[(start + i) % this.#blockSize] = value;
      this.#blocks.set(block, content);
    });
  }

  /** The KV of positions 0 … count-1. */
  read(blocks: readonly BlockId[], count: number): number[] {
    return Array.from({ length: count }, (_, i) => {
      const block = blocks[Math.floor(i / this.#blockSize)]!;
      return this.#blocks.get(block)?.[i % this.#blockSize] ?? Number.NaN;
    });
  }

  #half({ blocks, start, tokenIds }: PrefillChunk): PrefillOutcome {
    this.write(
      blocks,
      start,
      tokenIds.map(() => -1),
    );
    return { stopped: true, startedAt: 1, endedAt: 2 };
  }

  #prefill({ blocks, start, tokenIds, sample }: PrefillChunk): PrefillOutcome {
    const kv = this.read(blocks, start);
    kv.push(...kvOf(tokenIds, kv));
    this.write(blocks, start, kv.slice(start));
    const times = { startedAt: 1, endedAt: 2 };
    return sample === undefined ? times : { ...times, token: { tokenId: nextToken(kv) } };
  }
}
