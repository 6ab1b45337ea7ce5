/**
 * How many leading blocks of a prompt each worker holds.
 *
 * A worker that holds a block also holds all blocks before it (workers evict leaves first), so along a prompt the set
 * of holders only shrinks. If it is the same at two places, it is the same everywhere between them; so the search halves
 * the stretches in which workers drop out, and looks at few of the blocks. It does so for 32 workers at a time.
 */
import { type BlockNames, countBlocks } from "./block-names.ts";
import { WORKERS_PER_WORD } from "./block-shard.ts";

/** What can tell the holders of a block; several are searched as one. */
export interface HolderSource {
  addHolders(low: number, high: number, sets: Int32Array, at: number, words: number): void;
}

/** One search at a time: keeps its arrays from one to the next. */
export class PrefixSearch {
  #names: BlockNames = new Int32Array(0);
  #sources: readonly HolderSource[] = [];
  #words = 0;
  /** Sets of the blocks looked at so far, by position. */
  #sets = new Int32Array(0);
  #seen = new Uint8Array(0);
  #depths = new Uint32Array(0);

  /** Leading blocks by slot, for the workers whose bits are set in `live`. */
  run(names: BlockNames, sources: readonly HolderSource[], live: Int32Array): Uint32Array {
    const blocks = countBlocks(names);
    this.#depths = new Uint32Array(live.length * WORKERS_PER_WORD);
    if (blocks === 0 || sources.length === 0) return this.#depths;
    this.#prepare(names, sources, live.length, blocks);
    for (let word = 0; word < live.length; word++) {
      const first = this.#holders(0, word) & live[word]!;
      const last = blocks === 1 ? first : this.#holders(blocks - 1, word) & first;
      this.#split(word, 0, blocks - 1, first, last);
      this.#settle(word, last, blocks);
    }
    return this.#depths;
  }

  #prepare(names: BlockNames, sources: readonly HolderSource[], words: number, blocks: number): void {
    this.#names = names;
    this.#sources = sources;
    this.#words = words;
    if (this.#seen.length < blocks) this.#seen = new Uint8Array(blocks);
    else this.#seen.fill(0, 0, blocks);
    if (this.#sets.length < blocks * words) this.#sets = new Int32Array(blocks * words);
  }

  /** Settles the workers that hold block `low` and not block `high`. */
  #split(word: number, low: number, high: number, atLow: number, atHigh: number): void {
    if (atLow === atHigh) return;
    if (high - low === 1) {
      this.#settle(word, atLow & ~atHigh, high);
      return;
    }
    const middle = (low + high) >>> 1;
    // A worker found further on is taken to hold this block too, even if it does not keep to the rule.
    const atMiddle = (this.#holders(middle, word) & atLow) | atHigh;
    this.#split(word, low, middle, atLow, atMiddle);
    this.#split(word, middle, high, atMiddle, atHigh);
  }

  #settle(word: number, workers: number, depth: number): void {
    for (let rest = workers; rest !== 0; rest &= rest - 1) {
      this.#depths[word * WORKERS_PER_WORD + 31 - Math.clz32(rest & -rest)] = depth;
    }
  }

  #holders(position: number, word: number): number {
    const at = position * this.#words;
    if (this.#seen[position] === 0) {
      this.#seen[position] = 1;
      this.#sets.fill(0, at, at + this.#words);
      const low = this.#names[2 * position]!;
      const high = this.#names[2 * position + 1]!;
      for (const source of this.#sources) source.addHolders(low, high, this.#sets, at, this.#words);
    }
    return this.#sets[at + word]!;
  }
}
