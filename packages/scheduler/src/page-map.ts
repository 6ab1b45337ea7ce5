/**
 * Whose the pages of decode memory are. A page holds `pageTokens` tokens of one sequence; its place says nothing.
 *
 *   P1  A page is in one table at most.
 *   P2  A step reads all pages up to the last one of those who run, used or not. So whoever needs a page gets the
 *       lowest free one, and the last pages move into what stays free below them.
 */
import type { PageMove } from "./step-plan.ts";

/** The pages of one sequence, in the order of its tokens. */
export type PageTable = number[];

/** A fixed number of pages. */
export class PageMap {
  readonly #total: number;
  /** By page; the last one is in use. */
  readonly #owners: (PageTable | undefined)[] = [];
  #used = 0;

  constructor(total: number) {
    this.#total = total;
  }

  get used(): number {
    return this.#used;
  }

  /** Pages that nobody has. */
  get free(): number {
    return this.#total - this.#used;
  }

  /** One more than the highest page in use. */
  get extent(): number {
    return this.#owners.length;
  }

  /** Gives a table pages until it has `count` of them. Throws RangeError if there are not as many. */
  grow(table: PageTable, count: number): void {
    if (count - table.length > this.free) {
      throw new RangeError(`Cannot give out ${count - table.length} pages: ${this.free} are free`);
    }
    while (table.length < count) {
      const page = this.#lowestFree();
      this.#owners[page] = table;
      this.#used++;
      table.push(page);
    }
  }

  /** Takes all pages of a table back; the table keeps its list, which is worth nothing once others grow. */
  release(table: PageTable): void {
    for (const page of table) this.#owners[page] = undefined;
    this.#used -= table.length;
    this.#trim();
  }

  /** Moves up to `most` of the last pages into free ones below them. No page is moved twice, and none that was moved to. */
  compact(most: number): PageMove[] {
    const moves: PageMove[] = [];
    while (moves.length < most && this.#used < this.extent) {
      const from = this.extent - 1;
      const to = this.#lowestFree();
      const owner = this.#owners[from]!;
      owner[owner.indexOf(from)] = to;
      this.#owners[to] = owner;
      this.#owners[from] = undefined;
      this.#trim();
      moves.push({ from, to });
    }
    return moves;
  }

  #lowestFree(): number {
    if (this.#used === this.extent) return this.extent;
    return this.#owners.indexOf(undefined);
  }

  #trim(): void {
    while (this.extent > 0 && this.#owners.at(-1) === undefined) this.#owners.pop();
  }
}
