/** Must hold: dashboards and alerts ask for what the code emits. Names are taken out of every query and looked up. */
import { ERROR_TRAITS } from "@baton/core";
import { METRICS } from "@baton/metrics";
import { ATTR, rootName, SPAN } from "@baton/tracing";
import { describe, expect, test } from "@jest/globals";
import { alertQueries, queriesOf } from "../support/observability-queries.ts";

/** On every series: what the process is, and what Prometheus adds. */
const COMMON_LABELS = ["role", "instance", "job", "le"];
const SUFFIXES = /_(bucket|sum|count)$/;

/** The metric that a series belongs to; undefined for one that the code does not have. */
function metricOf(series: string) {
  const name = Object.hasOwn(METRICS, series) ? series : series.replace(SUFFIXES, "");
  const metric = (METRICS as Record<string, { type: string; labels: readonly string[] }>)[name];
  const isPart = name !== series;
  return metric && isPart === (metric.type === "histogram") ? metric : undefined;
}

function seriesIn(text: string): readonly string[] {
  return text.match(/\b(baton|gen_ai)_\w+/g) ?? [];
}

function labelsIn(text: string): readonly string[] {
  const matched = [...text.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label!);
  const grouped = [...text.matchAll(/\b(?:by|on|without)\s*\(([^)]*)\)/g)].flatMap(([, list]) =>
    list!.split(/,\s*/),
  );
  return [...matched, ...grouped];
}

/** The values that a query compares `label` with; alternatives of a pattern count one by one. */
function valuesOf(label: string, text: string): readonly string[] {
  const found = text.matchAll(new RegExp(`${label}\\s*=~?\\s*"([^"]*)"`, "g"));
  return [...found].flatMap(([, values]) => values!.split("|"));
}

const prometheusQueries = [...queriesOf("expr"), ...alertQueries()];

describe.each(prometheusQueries)("the query of $where", ({ text }) => {
  test("asks for metrics that the code has, by labels that they have", () => {
    const series = seriesIn(text);
    expect(series.filter((name) => metricOf(name) === undefined)).toEqual([]);
    const known = new Set([...COMMON_LABELS, ...series.flatMap((name) => metricOf(name)!.labels)]);
    expect(labelsIn(text).filter((label) => !known.has(label))).toEqual([]);
  });

  test("compares stages and error codes with those that there are", () => {
    const stages: readonly string[] = Object.values(SPAN);
    expect(valuesOf("stage", text).filter((stage) => !stages.includes(stage))).toEqual([]);
    expect(valuesOf("reason", text).filter((code) => !Object.hasOwn(ERROR_TRAITS, code))).toEqual([]);
  });
});

const traceQueries = queriesOf("query");

describe.each(traceQueries)("the query of $where", ({ text }) => {
  test("asks for spans and attributes that the code writes", () => {
    const attributes: readonly string[] = Object.values(ATTR);
    const asked = [...text.matchAll(/\bspan\.([\w.]+)/g)].map(([, attribute]) => attribute!);
    expect(asked.filter((attribute) => !attributes.includes(attribute))).toEqual([]);
    const names: readonly string[] = [...Object.values(SPAN), rootName(".*")];
    expect(valuesOf("span:name", text).filter((name) => !names.includes(name))).toEqual([]);
  });
});

test("there are queries of every kind", () => {
  expect(queriesOf("expr").length).toBeGreaterThan(30);
  expect(alertQueries().length).toBeGreaterThan(5);
  expect(traceQueries.length).toBeGreaterThan(5);
});
