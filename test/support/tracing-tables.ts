/** The tables of the tracing guide: levels and histograms by asking the code, meanings from its doc comments. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Metrics, stageMetrics } from "@baton/metrics";
import { eventLevel, stageLevel, TRACE_LEVELS } from "../../packages/tracing/src/level.ts";
import { formatTable, ROOT, replaceTable } from "./markdown-table.ts";

export const TRACING_GUIDE = "packages/tracing/GUIDE.md";

const NAMES = readFileSync(join(ROOT, "packages/tracing/src/names.ts"), "utf8");

interface Described {
  readonly name: string;
  readonly meaning: string;
}

/** The members of a constant in `names.ts`, with their doc comments. */
function described(constant: string): readonly Described[] {
  const [, body] = new RegExp(`export const ${constant} = \\{\n([\\s\\S]*?)\n\\} as const`).exec(NAMES) ?? [];
  if (body === undefined)
    throw new Error(`Cannot find "${constant}" in names.ts: expected a constant object`);
  const members = [...body.matchAll(/\/\*\*([\s\S]*?)\*\/\s*\w+:\s*"([^"]+)"/g)];
  return members.map(([, comment = "", name = ""]) => ({
    name: `\`${name}\``,
    meaning: comment.replaceAll(/\s*\n\s*\*\s*/g, " ").trim(),
  }));
}

const bare = (name: string) => name.replaceAll("`", "");

/** Whether a stage of this name feeds `baton_request_stage_seconds`. */
function hasHistogram(name: string): boolean {
  const observed: string[] = [];
  const metrics = { observe: (metric: string) => observed.push(metric) } as unknown as Metrics;
  stageMetrics(metrics).stageEnded(name, 0, undefined);
  return observed.includes("baton_request_stage_seconds");
}

function spanRow({ name, meaning }: Described): readonly string[] {
  const [, process = "", text = meaning] = /^([^:]+): (.*)$/.exec(meaning) ?? [];
  return [name, `${stageLevel(bare(name))}`, process, hasHistogram(bare(name)) ? "yes" : "", text];
}

function pairs(constant: string): readonly (readonly string[])[] {
  return described(constant).map(({ name, meaning }) => [name, meaning]);
}

interface TracingTable {
  readonly what: string;
  readonly head: readonly string[];
  readonly table: () => readonly string[];
}

function tracingTable(
  what: string,
  head: readonly string[],
  rows: () => readonly (readonly string[])[],
): TracingTable {
  return { what, head, table: () => formatTable(head, rows()) };
}

/** Each is found by its head. */
export const TRACING_TABLES: readonly TracingTable[] = [
  tracingTable("levels", ["level", "what is recorded"], () => Object.entries(TRACE_LEVELS)),
  tracingTable("spans", ["span", "level", "process", "histogram", "what it stands for"], () =>
    described("SPAN").map(spanRow),
  ),
  tracingTable("standalone traces", ["trace of its own", "what it stands for"], () => pairs("STANDALONE")),
  tracingTable("events", ["event", "from level", "what happened"], () =>
    described("EVENT").map(({ name, meaning }) => [name, `${eventLevel(bare(name))}`, meaning]),
  ),
  tracingTable("links", ["`baton.link`", "where it leads"], () => pairs("LINK")),
  tracingTable("attributes", ["attribute", "what it says"], () => pairs("ATTR")),
];

export function writeTracingTables(): void {
  for (const { head, table } of TRACING_TABLES) replaceTable(TRACING_GUIDE, head, table());
}
