/** A trace as a tree with a time bar per span, for a terminal. */
import { ATTR, type ExportedSpan } from "@baton/tracing";
import { earliest, latest } from "./instants.ts";
import { type TreeLine, treeLines } from "./span-tree.ts";

export interface WaterfallOptions {
  /** Characters of a line. */
  readonly width: number;
  readonly color: boolean;
  /** Shows every span; otherwise many small siblings of one name share a line. */
  readonly all: boolean;
}

/** One colour per process, by its place in the trace; errors are red. */
const PROCESS_COLORS = [36, 33, 35, 34, 32];
const RED = 31;
const MIN_BAR = 16;

/** Lines of `width` characters at most. */
export function formatWaterfall(spans: readonly ExportedSpan[], options: WaterfallOptions): string {
  const rows = treeLines(spans, !options.all).map(rowOf);
  const processes = [...new Set(rows.map(({ process }) => process))];
  const longest = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => text.length));
  const timeWidth = longest(rows.map(({ duration }) => duration));
  const processWidth = longest(processes);
  const fixed = timeWidth + processWidth + 4;
  const nameWidth = Math.min(longest(rows.map(({ name }) => name)), options.width - fixed - MIN_BAR);
  const barWidth = Math.max(MIN_BAR, options.width - fixed - nameWidth);
  const scale = scaleOf(rows, barWidth);
  return rows
    .map((row) => {
      const color = row.failed
        ? RED
        : PROCESS_COLORS[processes.indexOf(row.process) % PROCESS_COLORS.length]!;
      const left = [
        clip(row.name, nameWidth).padEnd(nameWidth),
        row.process.padEnd(processWidth),
        row.duration.padStart(timeWidth),
      ].join(" ");
      return `${left}  ${painted(scale(row), color, options.color)}`.trimEnd();
    })
    .join("\n");
}

interface Row {
  readonly name: string;
  readonly process: string;
  readonly duration: string;
  readonly failed: boolean;
  readonly startNs: bigint;
  readonly endNs: bigint;
}

function rowOf({ depth, spans }: TreeLine): Row {
  const first = spans[0]!;
  const startNs = first.startNs;
  const endNs = latest(spans.map((span) => span.endNs)) ?? first.endNs;
  const errors = spans.flatMap(errorOf);
  const count = spans.length > 1 ? ` ×${spans.length}` : "";
  const kind = first.kind === "client" || first.kind === "server" ? ` [${first.kind}]` : "";
  const isRoot = depth === 0;
  const note = errors.length > 0 ? ` ✗ ${errors[0]}` : "";
  return {
    name: `${"  ".repeat(depth)}${shortName(first.name)}${isRoot ? "" : kind}${count}${note}`,
    process: processName(first),
    duration: milliseconds(endNs - startNs),
    failed: errors.length > 0,
    startNs,
    endNs,
  };
}

/** A gRPC method without its package; nothing that a terminal would act on. */
function shortName(name: string): string {
  const plain = name.replace(/\p{Cc}/gu, "�");
  return /^[\w.]+\.(\w+\/\w+)$/.exec(plain)?.[1] ?? plain;
}

function errorOf({ attributes, status }: ExportedSpan): readonly string[] {
  const type = attributes[ATTR.errorType];
  if (typeof type === "string") return [type];
  return status.code === "error" ? ["error"] : [];
}

/** What people call a process: its instance, else its service. */
function processName({ resource }: ExportedSpan): string {
  return String(resource["service.instance.id"] ?? resource["service.name"] ?? "?");
}

/** With the precision that is of interest at that size. */
export function milliseconds(nanoseconds: bigint): string {
  const ms = Number(nanoseconds) / 1e6;
  return `${ms.toFixed(ms < 10 ? 2 : ms < 1000 ? 1 : 0)} ms`;
}

/** Draws a row's bar at its place in the whole; a span too short to fill a character is a thin line. */
function scaleOf(rows: readonly Row[], width: number): (row: Row) => string {
  const from = earliest(rows.map(({ startNs }) => startNs)) ?? 0n;
  const to = latest(rows.map(({ endNs }) => endNs)) ?? from;
  const perCharacter = Math.max(1, Number(to - from)) / width;
  return ({ startNs, endNs }) => {
    const start = Math.min(width - 1, Math.floor(Number(startNs - from) / perCharacter));
    const length = Math.round(Number(endNs - startNs) / perCharacter);
    return " ".repeat(start) + (length < 1 ? "▏" : "█".repeat(Math.min(length, width - start)));
  };
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function painted(bar: string, color: number, enabled: boolean): string {
  return enabled ? `\u001b[${color}m${bar}\u001b[0m` : bar;
}
