/** Bounds the series of one metric, whatever its labels turn out to be. */

type Labels = Readonly<Record<string, string>>;

export class SeriesLimit<Series> {
  readonly #limit: number;
  readonly #make: (labels: Labels) => Series;
  /** By the values of the labels; those too many are one more. */
  readonly #known = new Map<string, Series>();
  #others: Series | undefined;

  /** @param make called once for each series, with its labels */
  constructor(limit: number, make: (labels: Labels) => Series) {
    this.#limit = limit;
    this.#make = make;
  }

  /** The series to record in: that of the labels, or that of "other" for each when there are too many already. */
  of(labels: Labels): Series {
    const key = keyOf(labels);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#limit) {
      this.#others ??= this.#make(others(labels));
      return this.#others;
    }
    const made = this.#make(labels);
    this.#known.set(key, made);
    return made;
  }

  /** Every series. */
  *all(): Generator<Series, void, void> {
    yield* this.#known.values();
    if (this.#others !== undefined) yield this.#others;
  }

  /** Forgets every series. */
  clear(): void {
    this.#known.clear();
    this.#others = undefined;
  }
}

/** Most metrics have one label, or none. */
function keyOf(labels: Labels): string {
  let key = "";
  for (const name in labels) key += `${labels[name]}\u0000`;
  return key;
}

function others(labels: Labels): Labels {
  return Object.fromEntries(Object.keys(labels).map((name) => [name, "other"]));
}
