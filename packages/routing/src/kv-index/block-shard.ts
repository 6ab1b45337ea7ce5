/**
 * A hash table from a block's name to the set of workers that hold it, in one typed array.
 *
 * A record is `[name low, name high, set word 0, …]`: 16 bytes for up to 64 workers, one cache line at most times.
 * Collisions go to the next record. The names are hashes already, so their low bits choose the record.
 *
 *   S1  A record whose set is empty is free: a block that nobody holds takes no room, and there are no tombstones.
 *   S2  At most three quarters of the records are in use, so every probe ends.
 */

const NAME_WORDS = 2;
const FEWEST_RECORDS = 16;

/** Bits of one word of a set. */
export const WORKERS_PER_WORD = 32;

export class BlockShard {
  #setWords = 1;
  #capacity = FEWEST_RECORDS;
  #records = new Int32Array(FEWEST_RECORDS * (NAME_WORDS + 1));
  #size = 0;

  /** Distinct blocks. */
  get size(): number {
    return this.#size;
  }

  get byteLength(): number {
    return this.#records.byteLength;
  }

  /** True if the worker did not hold the block before. */
  add(low: number, high: number, slot: number): boolean {
    const word = slot >>> 5;
    if (word >= this.#setWords) this.#rebuild(word + 1, this.#capacity);
    let at = this.#find(low, high);
    if (at < 0) at = this.#insert(low, high, ~at);
    const set = at + NAME_WORDS + word;
    const before = this.#records[set]!;
    this.#records[set] = before | (1 << slot);
    return before !== this.#records[set];
  }

  /** True if the worker held the block. */
  remove(low: number, high: number, slot: number): boolean {
    const word = slot >>> 5;
    const at = this.#find(low, high);
    if (at < 0 || word >= this.#setWords) return false;
    const set = at + NAME_WORDS + word;
    const before = this.#records[set]!;
    this.#records[set] = before & ~(1 << slot);
    if (this.#isFree(at)) this.#closeGap(at);
    return before !== (before & ~(1 << slot));
  }

  /** Adds the block's holders to the set of `words` words at `sets[at]`. */
  addHolders(low: number, high: number, sets: Int32Array, at: number, words: number): void {
    const record = this.#find(low, high);
    if (record < 0) return;
    const count = Math.min(words, this.#setWords);
    for (let word = 0; word < count; word++) {
      sets[at + word]! |= this.#records[record + NAME_WORDS + word]!;
    }
  }

  /** Takes the workers whose bits are set in `slots` out of every set. */
  forget(slots: Int32Array): void {
    const stride = NAME_WORDS + this.#setWords;
    const words = Math.min(slots.length, this.#setWords);
    for (let at = 0; at < this.#records.length; at += stride) {
      for (let word = 0; word < words; word++) this.#records[at + NAME_WORDS + word]! &= ~slots[word]!;
    }
    this.#rebuild(this.#setWords, FEWEST_RECORDS);
  }

  /** Offset of the block's record; if it has none, the complement of the offset where it belongs. */
  #find(low: number, high: number): number {
    const records = this.#records;
    const stride = NAME_WORDS + this.#setWords;
    const end = records.length;
    let at = (low & (this.#capacity - 1)) * stride;
    while (!this.#isFree(at)) {
      if (records[at] === low && records[at + 1] === high) return at;
      at += stride;
      if (at === end) at = 0;
    }
    return ~at;
  }

  #isFree(at: number): boolean {
    for (let word = 0; word < this.#setWords; word++) {
      if (this.#records[at + NAME_WORDS + word] !== 0) return false;
    }
    return true;
  }

  /** Names the record; the caller makes its set non-empty. Returns its offset, which growing may have changed. */
  #insert(low: number, high: number, free: number): number {
    let at = free;
    if ((this.#size + 1) * 4 > this.#capacity * 3) {
      this.#rebuild(this.#setWords, this.#capacity * 2);
      at = ~this.#find(low, high);
    }
    this.#records[at] = low;
    this.#records[at + 1] = high;
    this.#size++;
    return at;
  }

  /** Moves later records of the same run into a record that has become free, so that probes still find them (S1). */
  #closeGap(freed: number): void {
    const records = this.#records;
    const stride = NAME_WORDS + this.#setWords;
    const mask = this.#capacity - 1;
    let gap = freed / stride;
    for (let next = (gap + 1) & mask; !this.#isFree(next * stride); next = (next + 1) & mask) {
      const home = records[next * stride]! & mask;
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      records.copyWithin(gap * stride, next * stride, (next + 1) * stride);
      gap = next;
    }
    records.fill(0, gap * stride, (gap + 1) * stride);
    this.#size--;
  }

  /** Copies every record that is not free into a table of wider sets or another size, of at least `capacity` records. */
  #rebuild(setWords: number, capacity: number): void {
    const old = this.#records;
    const oldStride = NAME_WORDS + this.#setWords;
    const kept: number[] = [];
    for (let at = 0; at < old.length; at += oldStride) if (!this.#isFree(at)) kept.push(at);

    this.#setWords = setWords;
    this.#capacity = capacity;
    while (kept.length * 4 > this.#capacity * 3) this.#capacity *= 2;
    this.#records = new Int32Array(this.#capacity * (NAME_WORDS + setWords));
    this.#size = kept.length;
    for (const from of kept) {
      const to = ~this.#find(old[from]!, old[from + 1]!);
      for (let i = 0; i < oldStride; i++) this.#records[to + i] = old[from + i]!;
    }
  }
}
