/** Simulated time: what is due next happens next, and nothing takes time by itself. */
import type { Clock } from "@baton/core";

interface Due {
  readonly at: number;
  /** Decides between what is due at the same time: first come, first served. */
  readonly order: number;
  readonly happen: () => void;
}

/** A binary heap of what is to come. */
export class EventClock implements Clock {
  readonly #heap: Due[] = [];
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  /** Lets something happen at a time that is not in the past, ms. */
  at(time: number, happen: () => void): void {
    this.#heap.push({ at: time, order: this.#order++, happen });
    this.#up(this.#heap.length - 1);
  }

  after(ms: number, happen: () => void): void {
    this.at(this.#now + ms, happen);
  }

  /** Until nothing is to come. */
  run(): void {
    for (let next = this.#pop(); next; next = this.#pop()) {
      this.#now = next.at;
      next.happen();
    }
  }

  #pop(): Due | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first !== last && last) {
      this.#heap[0] = last;
      this.#down(0);
    }
    return first;
  }

  #up(index: number): void {
    for (let at = index; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  #down(index: number): void {
    for (let at = index; ; ) {
      const left = 2 * at + 1;
      if (left >= this.#heap.length) return;
      const right = left + 1;
      const child =
        right < this.#heap.length && isBefore(this.#heap[right]!, this.#heap[left]!) ? right : left;
      if (!this.#swapIfBefore(child, at)) return;
      at = child;
    }
  }

  #swapIfBefore(child: number, parent: number): boolean {
    const [below, above] = [this.#heap[child]!, this.#heap[parent]!];
    if (!isBefore(below, above)) return false;
    this.#heap[child] = above;
    this.#heap[parent] = below;
    return true;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
