/** What a replay measures, kept small: distributions are histograms with bins 2 % wide. */

const GROWTH = Math.log(1.02);
const SMALLEST = 0.01;

export class Distribution {
  readonly #bins = new Map<number, number>();
  #count = 0;
  #sum = 0;

  add(value: number): void {
    const bin = Math.max(0, Math.round(Math.log(Math.max(value, SMALLEST) / SMALLEST) / GROWTH));
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + 1);
    this.#count += 1;
    this.#sum += value;
  }

  get mean(): number {
    return this.#sum / this.#count;
  }

  /** The p-th percentile, 0 to 100, to 1 %. */
  percentile(p: number): number {
    let left = (this.#count * p) / 100;
    for (const bin of [...this.#bins.keys()].sort((a, b) => a - b)) {
      left -= this.#bins.get(bin)!;
      if (left <= 0) return SMALLEST * Math.exp(bin * GROWTH);
    }
    return Number.NaN;
  }
}

/** How long a request took. */
export interface Latencies {
  readonly firstTokenMs: number;
  /** Mean time between two tokens of the answer; 0 for an answer of one. */
  readonly perTokenMs: number;
}

/** What counts as a good answer. */
export interface ServiceLevel {
  readonly firstTokenMs: number;
  readonly perTokenMs: number;
}

/** The largest of some loads, over their mean: 1 is perfectly even. */
export function imbalance(loads: readonly number[]): number {
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  return Math.max(...loads) / mean;
}
