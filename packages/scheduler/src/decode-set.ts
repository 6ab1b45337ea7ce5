/**
 * Who runs, who queues for it, first come, first served, and which pages of decode memory they have.
 *
 *   D1  A running sequence has pages for its tokens and the next one.
 *   D2  Only the first of the queue loads: its KV is copied from blocks into pages, a bounded number of tokens in each
 *       step that others wait for, and it runs once all is there.
 *   D3  Pages change hands only in `schedule`, while no step is out. Sequences leave at any time, and the step that is
 *       out may go on to read and write what were their pages.
 */
import type { BlockId } from "@baton/core";
import { PageMap, type PageTable } from "./page-map.ts";
import { pagesFor } from "./pages-for.ts";
import type { SchedulerLimits } from "./scheduler-api.ts";
import type { Sequence } from "./sequence.ts";
import type { DecodeEntry, PageLoad, PageMove } from "./step-plan.ts";

/** One in so many pages may move in a step, and two always: moving a page costs about as much as reading it twice. */
const MOVED_SHARE = 16;

/** A load and whose it is. */
export interface PlannedLoad {
  readonly sequence: Sequence;
  readonly load: PageLoad;
}

/** What a step does to decode memory. */
export interface DecodePlan {
  readonly moves: readonly PageMove[];
  readonly loads: readonly PlannedLoad[];
  /** Pages that the step reads. */
  readonly pages: number;
  readonly decodes: readonly DecodeEntry[];
}

type DecodeLimits = Pick<SchedulerLimits, "maxRunning" | "batchTokens" | "pageTokens" | "loadTokens">;

/** The first of the queue, part of which is in its pages. */
interface Loading {
  readonly sequence: Sequence;
  readonly table: PageTable;
  /** Tokens that are there, or will be after the step that is out. */
  readonly loaded: number;
}

/** Part of a sequence to be loaded. */
interface LoadPart {
  readonly sequence: Sequence;
  readonly blocks: readonly BlockId[];
  readonly table: PageTable;
  readonly start: number;
  readonly end: number;
}

export class DecodeSet {
  readonly #maxRunning: number;
  readonly #pageTokens: number;
  readonly #loadTokens: number;
  readonly #pages: PageMap;
  readonly #ready = new Set<Sequence>();
  readonly #running = new Set<Sequence>();
  #loading: Loading | undefined;

  constructor({ maxRunning, batchTokens, pageTokens, loadTokens }: DecodeLimits) {
    this.#maxRunning = maxRunning;
    this.#loadTokens = loadTokens;
    this.#pageTokens = pageTokens;
    this.#pages = new PageMap(Math.floor(batchTokens / pageTokens));
  }

  /** The sequences of the batch, row by row. */
  get running(): readonly Sequence[] {
    return [...this.#running];
  }

  /** Queues a ready sequence. */
  add(sequence: Sequence): void {
    this.#ready.add(sequence);
  }

  /** Takes a ready sequence out of the queue. */
  withdraw(sequence: Sequence): void {
    this.#ready.delete(sequence);
    if (this.#loading?.sequence === sequence) this.#unload();
  }

  /** A running sequence ends, or is to wait again. */
  leave(sequence: Sequence): void {
    this.#running.delete(sequence);
    this.#pages.release(sequence.expect("running").table);
  }

  /**
   * Which running sequences must leave for the others to take a step: the newest ones. Before any of them, the first of
   * the queue gives up what it has loaded.
   */
  overflow(): readonly Sequence[] {
    const running = this.running.toSorted((a, b) => a.order - b.order);
    const overflow: Sequence[] = [];
    let missing = running.reduce((sum, one) => sum + this.#missing(one), 0) - this.#pages.free;
    if (missing > 0 && this.#loading !== undefined) {
      missing -= this.#loading.table.length;
      this.#unload();
    }
    while (running.length > 1 && missing > 0) {
      const newest = running.pop()!;
      missing -= newest.expect("running").table.length + this.#missing(newest);
      overflow.push(newest);
    }
    return overflow;
  }

  /** The next step; call after everybody left whom `overflow` named. */
  schedule(): DecodePlan {
    for (const sequence of this.#running) {
      this.#pages.grow(sequence.expect("running").table, this.#pagesOf(sequence));
    }
    const parts = this.#load();
    const moves = this.#pages.compact(Math.max(2, Math.ceil(this.#pages.used / MOVED_SHARE)));
    const decodes = this.running.map(entryOf);
    return {
      moves,
      loads: parts.map((part) => ({ sequence: part.sequence, load: loadOf(part) })),
      // Who is being loaded has the last pages, mostly: nobody reads them yet.
      pages: 1 + Math.max(-1, ...decodes.flatMap(({ pages }) => pages)),
      decodes,
    };
  }

  /** Loads from the front of the queue; who is complete runs. */
  #load(): readonly LoadPart[] {
    const parts: LoadPart[] = [];
    let left = this.#running.size === 0 ? Number.POSITIVE_INFINITY : this.#loadTokens;
    for (const sequence of this.#ready) {
      if (left === 0 || this.#running.size >= this.#maxRunning) break;
      if (this.#loading === undefined && !this.#fits(sequence)) break;
      const { table, loaded: start } = this.#loading ?? this.#startLoading(sequence);
      const end = Math.min(sequence.context.length, start + left);
      left -= end - start;
      parts.push({ sequence, blocks: sequence.expect("ready").blocks, table, start, end });
      this.#loading = { sequence, table, loaded: end };
      if (end === sequence.context.length) this.#join(sequence, table);
    }
    return parts;
  }

  /** Beside others a sequence is let in only if everybody may take one more page before anybody must leave again. */
  #fits(sequence: Sequence): boolean {
    if (this.#running.size === 0) return true;
    return this.#pagesOf(sequence) + this.#running.size + 1 <= this.#pages.free;
  }

  #startLoading(sequence: Sequence): Loading {
    const table: PageTable = [];
    this.#pages.grow(table, this.#pagesOf(sequence));
    return { sequence, table, loaded: 0 };
  }

  #join(sequence: Sequence, table: PageTable): void {
    this.#loading = undefined;
    this.#ready.delete(sequence);
    this.#running.add(sequence);
    sequence.enter({ kind: "running", table });
  }

  #unload(): void {
    this.#pages.release(this.#loading!.table);
    this.#loading = undefined;
  }

  #pagesOf(sequence: Sequence): number {
    return pagesFor(computedTokens(sequence), this.#pageTokens);
  }

  #missing(sequence: Sequence): number {
    return this.#pagesOf(sequence) - sequence.expect("running").table.length;
  }
}

/** Tokens whose KV there is before the next step; the newest token of the answer has none yet. */
function computedTokens({ promptTokens, answer }: Sequence): number {
  return promptTokens + answer.length - 1;
}

function loadOf({ sequence, blocks, table, start, end }: LoadPart): PageLoad {
  const load = { sequenceId: sequence.id, pages: [...table], blocks, start, end };
  return end < sequence.context.length ? load : { ...load, sample: sequence.sampleRequest() };
}

function entryOf(sequence: Sequence): DecodeEntry {
  return {
    sequenceId: sequence.id,
    tokenId: sequence.answer.at(-1)!,
    position: computedTokens(sequence),
    pages: [...sequence.expect("running").table],
  };
}
