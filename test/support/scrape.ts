/** Reading the metrics of a running service. */
import { type ParsedExposition, parseExposition } from "@baton/metrics/testing";
import type { Cluster } from "./cluster.ts";

/** What a process of a cluster says under `/metrics`. */
export async function scrape(cluster: Cluster, name: string): Promise<ParsedExposition> {
  const { http, metrics } = cluster.process(name).addresses;
  const response = await fetch(`http://${metrics ?? http}/metrics`);
  return parseExposition(await response.text());
}

/** The sum over all series of a metric. */
export function total({ samples }: ParsedExposition, name: string): number {
  return samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
}
