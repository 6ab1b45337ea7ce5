/**
 * The metrics of one process, on a registry of its own.
 *
 *   M1  No call throws: a value that cannot be recorded is counted and dropped, a source that fails is left out.
 *   M2  A metric that this process does not have (see the table) is not recorded.
 *   M3  A metric has at most `MAX_SERIES` series; what would be one more goes to a series whose labels are all "other".
 *   M4  What somebody else counts is read at every scrape and never in between.
 */
import type { ExternalTraceHeader } from "@baton/core";
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from "prom-client";
import { exemplarOf } from "./exemplar.ts";
import {
  definitionOf,
  type LabelsOf,
  METRICS,
  type MetricName,
  type MetricsRole,
  type NameOf,
} from "./metric-table.ts";
import { SeriesLimit } from "./series-limit.ts";

/** One series as its source has it. */
export interface Reading<Name extends MetricName> {
  readonly labels: LabelsOf<Name>;
  readonly value: number;
}

/** What a scrape is answered with. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** What the code that is measured sees of its process's metrics. */
export interface Metrics {
  readonly role: MetricsRole;
  /** Adds a value to a histogram. With the header of a sampled trace, the trace becomes the bucket's exemplar. */
  observe<Name extends NameOf<"histogram">>(
    name: Name,
    value: number,
    labels: LabelsOf<Name>,
    header?: ExternalTraceHeader,
  ): void;
  /** Adds to a counter. */
  add<Name extends NameOf<"counter">>(name: Name, amount: number, labels: LabelsOf<Name>): void;
  /** Says where the values of a gauge, or of a counter that somebody else counts, are to be read at every scrape. */
  read<Name extends NameOf<"counter" | "gauge">>(name: Name, source: () => readonly Reading<Name>[]): void;
  /** All metrics in the OpenMetrics text format. */
  expose(): Promise<Exposition>;
}

const MAX_SERIES = 256;

type Labels = Readonly<Record<string, string>>;

type Instrument =
  | { readonly type: "histogram"; readonly histogram: Histogram; readonly limit: SeriesLimit }
  | { readonly type: "counter"; readonly counter: Counter; readonly limit: SeriesLimit }
  | { readonly type: "gauge"; readonly gauge: Gauge; readonly limit: SeriesLimit };

/** Makes the metrics of a process; all of them, at rest. */
export function createMetrics(role: MetricsRole): Metrics {
  return new PrometheusMetrics(role);
}

class PrometheusMetrics implements Metrics {
  readonly role: MetricsRole;
  readonly #registry = new Registry<OpenMetricsContentType>();
  readonly #instruments = new Map<MetricName, Instrument>();
  readonly #sources = new Map<MetricName, () => readonly Reading<MetricName>[]>();
  #exposing: Promise<Exposition> | undefined;

  constructor(role: MetricsRole) {
    this.role = role;
    this.#registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    this.#registry.setDefaultLabels({ role });
    for (const name of Object.keys(METRICS) as MetricName[]) {
      if (definitionOf(name).roles.includes(role)) this.#instruments.set(name, this.#instrument(name));
    }
  }

  observe(name: MetricName, value: number, labels: Labels, header?: ExternalTraceHeader): void {
    this.#record(name, value, (instrument) => {
      if (instrument.type !== "histogram") return;
      const exemplarLabels = header && exemplarOf(header);
      instrument.histogram.observe({
        labels: instrument.limit.admit(labels),
        value,
        ...(exemplarLabels && { exemplarLabels }),
      });
    });
  }

  add(name: MetricName, amount: number, labels: Labels): void {
    this.#record(name, amount, (instrument) => {
      if (instrument.type === "counter") instrument.counter.inc(instrument.limit.admit(labels), amount);
    });
  }

  read<Name extends NameOf<"counter" | "gauge">>(name: Name, source: () => readonly Reading<Name>[]): void {
    this.#sources.set(name, source as () => readonly Reading<MetricName>[]);
  }

  /** Scrapes that come together are answered together: many scrapers cost no more than one. */
  expose(): Promise<Exposition> {
    this.#exposing ??= this.#expose().finally(() => {
      this.#exposing = undefined;
    });
    return this.#exposing;
  }

  async #expose(): Promise<Exposition> {
    for (const [name, source] of this.#sources) this.#readSource(name, source);
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #record(name: MetricName, value: number, record: (instrument: Instrument) => void): void {
    const instrument = this.#instruments.get(name);
    if (!instrument) return; // M2
    try {
      if (!(Number.isFinite(value) && value >= 0)) this.#reject();
      else record(instrument);
    } catch {
      this.#reject();
    }
  }

  #readSource(name: MetricName, source: () => readonly Reading<MetricName>[]): void {
    const instrument = this.#instruments.get(name);
    if (!instrument || instrument.type === "histogram") return;
    const metric = instrument.type === "counter" ? instrument.counter : instrument.gauge;
    metric.reset();
    instrument.limit.clear();
    try {
      for (const { labels, value } of source()) metric.inc(instrument.limit.admit(labels), value);
    } catch {
      this.#reject();
    }
  }

  #reject(): void {
    const instrument = this.#instruments.get("baton_metrics_rejected_total");
    if (instrument?.type === "counter") instrument.counter.inc();
  }

  #instrument(name: MetricName): Instrument {
    const { type, help, labels, buckets = [] } = definitionOf(name);
    const limit = new SeriesLimit(MAX_SERIES);
    const config = { name, help, labelNames: [...labels], registers: [this.#registry] };
    switch (type) {
      case "histogram":
        return {
          type,
          histogram: new Histogram({ ...config, buckets: [...buckets], enableExemplars: true }),
          limit,
        };
      case "counter":
        return { type, counter: new Counter(config), limit };
      case "gauge":
        return { type, gauge: new Gauge(config), limit };
    }
  }
}
