/** The tables of metrics and labels in the design page of `@baton/metrics`. */
import { LABELS, METRICS } from "@baton/metrics";
import { formatTable, replaceTable } from "./markdown-table.ts";

const DOCUMENT = "packages/metrics/DESIGN.md";
const METRICS_HEAD = ["name", "type", "labels", "where", "what it says"];
const LABELS_HEAD = ["label", "what it says"];

export function writeMetricsTables(): void {
  const metrics = Object.entries(METRICS).map(([name, { type, labels, roles, help }]) => {
    const where = roles.length === 4 ? "all" : roles.join(", ");
    return [code(name), type, labels.map(code).join(", "), where, help];
  });
  replaceTable(DOCUMENT, METRICS_HEAD, formatTable(METRICS_HEAD, metrics));
  const labels = Object.entries(LABELS).map(([name, meaning]) => [code(name), meaning]);
  replaceTable(DOCUMENT, LABELS_HEAD, formatTable(LABELS_HEAD, labels));
}

function code(name: string): string {
  return `\`${name}\``;
}
