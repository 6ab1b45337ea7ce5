import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { definitionOf, LABELS, METRICS, type MetricName } from "./metric-table.ts";

const names = Object.keys(METRICS) as MetricName[];

test("the tables of DESIGN.md say the same as the code, in the same order", () => {
  const design = readFileSync(new URL("../DESIGN.md", import.meta.url), "utf8");
  const rows = design.split("\n").filter((line) => line.startsWith("| `"));
  expect(rows.map(cells)).toEqual([...names.map(documented), ...Object.entries(LABELS).map(describeLabel)]);
});

function cells(row: string): string[] {
  return row
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function documented(name: MetricName): string[] {
  const { type, labels, roles, help } = definitionOf(name);
  const where = roles.length === 4 ? "all" : roles.join(", ");
  return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), where, help];
}

function describeLabel([name, meaning]: [string, string]): string[] {
  return [`\`${name}\``, meaning];
}

describe.each(names)("%s", (name) => {
  const { type, unit, labels, buckets, help } = definitionOf(name);

  test("is named after its unit and type", () => {
    expect(name.endsWith("_total")).toBe(type === "counter");
    if (unit !== "") expect(name.replace(/_total$/, "").endsWith(`_${unit}`)).toBe(true);
    expect(name).toMatch(/^(baton|gen_ai_server)_[a-z_]+$/);
    expect(help).toMatch(/\.$/);
  });

  test("has only labels that are described", () => {
    for (const label of labels) expect(LABELS).toHaveProperty(label);
  });

  test("has rising buckets exactly if it is a histogram", () => {
    expect(buckets !== undefined).toBe(type === "histogram");
    expect([...new Set(buckets)].sort((a, b) => a - b)).toEqual([...(buckets ?? [])]);
  });
});
