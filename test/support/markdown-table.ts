/** Tables of Markdown documents that are made of the code: found by their head, compared and replaced row by row. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Head, rule and rows as lines, without the padding that aligns them. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  return [head, head.map(() => "---"), ...rows].map(formatRow);
}

/** The table with this head in a document, as `formatTable` gives it. @throws Error where there is none */
export function tableIn(document: string, head: readonly string[]): readonly string[] {
  const { lines, begin, end } = locate(document, head);
  return lines.slice(begin, end).map((line) => formatRow(cellsOf(line).map(shortRule)));
}

/** Puts a table in the place of the one with the same head. */
export function replaceTable(document: string, head: readonly string[], table: readonly string[]): void {
  const { lines, begin, end } = locate(document, head);
  const text = [...lines.slice(0, begin), ...table, ...lines.slice(end)].join("\n");
  writeFileSync(join(ROOT, document), text);
}

/** The lines of a document, and between which of them the table stands. */
function locate(document: string, head: readonly string[]) {
  const lines = readFileSync(join(ROOT, document), "utf8").split("\n");
  const begin = lines.findIndex((line) => cellsOf(line).join() === head.join());
  if (begin < 0)
    throw new Error(`Cannot find a table of "${document}": expected the head ${formatRow(head)}`);
  const length = lines.slice(begin).findIndex((line) => !line.startsWith("|"));
  return { lines, begin, end: begin + length };
}

function formatRow(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** No cell has a bar inside. */
function cellsOf(line: string): readonly string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function shortRule(cell: string): string {
  return /^-+$/.test(cell) ? "---" : cell;
}
