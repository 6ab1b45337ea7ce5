/** Reading the metrics of a running service. */
import { type ParsedExposition, parseExposition } from "@baton/metrics/testing";
import type { Cluster } from "./cluster.ts";

/** What a process of a cluster says under `/metrics`. */
export async function scrape(cluster: Cluster, name: string): Promise<ParsedExposition> {
  const { http, metrics } = cluster.process(name).addresses;
  const response = await fetch(`http://${metrics ?? http}/metrics`);
  return parseExposition(await response.text());
}

/** The sum over the series of a metric that have these labels. */
export function total(
  { samples }: ParsedExposition,
  name: string,
  wanted: Readonly<Record<string, string>> = {},
): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
