/** Bounds the series of one metric, whatever its labels turn out to be. */

type Labels = Readonly<Record<string, string>>;

export class SeriesLimit {
  readonly #limit: number;
  readonly #known = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The labels to record under: the given ones, or "other" for each when there are too many series already. */
  admit(labels: Labels): Labels {
    const series = Object.values(labels).join("\u0000");
    if (this.#known.has(series)) return labels;
    if (this.#known.size >= this.#limit) return others(labels);
    this.#known.add(series);
    return labels;
  }

  /** Forgets every series. */
  clear(): void {
    this.#known.clear();
  }
}

function others(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((name) => [name, "other"]));
}
