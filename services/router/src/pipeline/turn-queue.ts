/**
 * Who waits, in the order in which they get their turn. Pure.
 *
 *   Q1  A lower priority goes first. A step of it is worth `PRIORITY_STEP_MS` of waiting: who came so much earlier goes
 *       first in spite of it. So nobody is overtaken for ever, and nobody starves.
 *   Q2  Among equals the first to come goes first.
 */

/** How much waiting makes up for one step of priority, in ms. */
export const PRIORITY_STEP_MS = 10_000;

/** What decides on a turn. */
export interface Arrival {
  /** Lower goes first. */
  readonly priority: number;
  /** Epoch ms. */
  readonly arrivedAt: number;
}

interface Entry<T> {
  readonly item: T;
  /** Lower goes first. */
  readonly rank: number;
}

export class TurnQueue<T> {
  /** The next to go is last, so that taking it moves nobody. */
  readonly #entries: Entry<T>[] = [];

  get size(): number {
    return this.#entries.length;
  }

  add(item: T, arrival: Arrival): void {
    const rank = rankOf(arrival);
    this.#entries.splice(this.#placeOf(rank), 0, { item, rank });
  }

  /** Takes out who goes next. */
  next(): T | undefined {
    return this.#entries.pop()?.item;
  }

  /** Takes out who would go last, if a newcomer goes before them. */
  displacedBy(arrival: Arrival): T | undefined {
    const [last] = this.#entries;
    return last && rankOf(arrival) < last.rank ? this.#entries.shift()?.item : undefined;
  }

  /** Takes out who no longer waits; false for one who had their turn. */
  remove(item: T): boolean {
    const index = this.#entries.findIndex((entry) => entry.item === item);
    if (index >= 0) this.#entries.splice(index, 1);
    return index >= 0;
  }

  /** Before all who go earlier or are equal and came earlier: they are behind that place. */
  #placeOf(rank: number): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.rank > rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function rankOf({ priority, arrivedAt }: Arrival): number {
  return arrivedAt + priority * PRIORITY_STEP_MS;
}
