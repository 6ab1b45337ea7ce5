/**
 * A histogram with exemplars, as prom-client's registry exposes one. prom-client's own checks and copies labels, and
 * names the trace, with every value; here all that is left for the scrape, because a request observes some twenty values.
 */
import type { ExternalTraceHeader } from "@baton/core";
import type { Histogram as PrometheusHistogram } from "prom-client";
import { exemplarOf, isSampled } from "./exemplar.ts";
import { SeriesLimit } from "./series-limit.ts";

type Labels = Readonly<Record<string, string>>;

export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  /** Most series; the values of others share one. */
  readonly maxSeries: number;
  /** It has a series without labels from the start. */
  readonly unlabeled: boolean;
}

/** The last value of a bucket that belongs to a sampled trace. */
interface Exemplar {
  readonly header: ExternalTraceHeader;
  readonly value: number;
  /** Epoch ms. */
  readonly at: number;
}

/** One bucket for each bound, and one above them all. */
interface Series {
  readonly labels: Labels;
  readonly counts: Float64Array;
  readonly exemplars: (Exemplar | undefined)[];
  sum: number;
}

export class Histogram {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #series: SeriesLimit<Series>;

  constructor({ name, help, buckets, maxSeries, unlabeled }: HistogramOptions) {
    this.name = name;
    this.help = help;
    this.#bounds = buckets;
    this.#series = new SeriesLimit(maxSeries, (labels) => ({
      labels,
      counts: new Float64Array(buckets.length + 1),
      exemplars: new Array(buckets.length + 1).fill(undefined),
      sum: 0,
    }));
    if (unlabeled) this.#series.of({});
  }

  observe(value: number, labels: Labels, header?: ExternalTraceHeader): void {
    const series = this.#series.of(labels);
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    series.counts[bucket]! += 1;
    series.sum += value;
    if (header && isSampled(header)) series.exemplars[bucket] = { header, value, at: Date.now() };
  }

  /** What the registry asks for at a scrape. */
  async get() {
    return {
      name: this.name,
      help: this.help,
      type: this.type,
      values: [...this.#series.all()].flatMap((series) => this.#exposed(series)),
      aggregator: "sum" as const,
    };
  }

  /** Buckets count all values up to their bound. */
  #exposed({ labels, counts, exemplars, sum }: Series) {
    let count = 0;
    const buckets = [...this.#bounds, "+Inf"].map((le, bucket) => {
      count += counts[bucket]!;
      const exemplar = exposedExemplar(exemplars[bucket]);
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: count, exemplar };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}

function exposedExemplar(exemplar: Exemplar | undefined) {
  const labelSet = exemplar && exemplarOf(exemplar.header);
  return labelSet && { labelSet, value: exemplar.value, timestamp: exemplar.at / 1000 };
}

/** As the registry's types, which know prom-client's own classes only, want it. */
export function asRegistered(histogram: Histogram): PrometheusHistogram {
  return histogram as unknown as PrometheusHistogram;
}
