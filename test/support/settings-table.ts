/** The settings of each program as a Markdown table in its document: compared by a test, written by `node --run docs`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { upSettings } from "@baton/cli";
import { describeSettings, type SettingsDefinition } from "@baton/config";
import { settings as decodeSettings } from "../../services/decode-worker/src/config.ts";
import { settings as prefillSettings } from "../../services/prefill-worker/src/config.ts";
import { settings as routerSettings } from "../../services/router/src/config.ts";

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Which document has the table of which program. */
export const SETTINGS_DOCUMENTS: readonly (readonly [string, SettingsDefinition])[] = [
  ["README.md", upSettings],
  ["services/router/README.md", routerSettings],
  ["services/prefill-worker/README.md", prefillSettings],
  ["services/decode-worker/README.md", decodeSettings],
];

const HEAD = ["flag", "variable", "default", "meaning"];

/** The rows that the code gives: the head, a rule, and one row per setting in the order of the definition. */
export function settingsRows(definition: SettingsDefinition): readonly string[] {
  const rows = describeSettings(definition).map(({ flag, env, default: fallback, accepts, doc }) => [
    flag === undefined ? "" : `\`${flag}\``,
    env.map((name) => `\`${name}\``).join(", "),
    fallback === undefined ? "" : `\`${fallback}\``,
    `${doc.replaceAll("\n", "; ").replace(":;", ":")} (${accepts})`,
  ]);
  return [HEAD, HEAD.map(() => "---"), ...rows].map(formatRow);
}

/** The rows that a document has, without the padding that aligns them. */
export function rowsIn(document: string): readonly string[] {
  const { lines, begin, end } = locate(document);
  return lines.slice(begin, end).map((line) => formatRow(cellsOf(line).map(shortRule)));
}

/** Puts the tables of the code into the documents. */
export function writeSettingsTables(): void {
  for (const [document, definition] of SETTINGS_DOCUMENTS) {
    const { lines, begin, end } = locate(document);
    const text = [...lines.slice(0, begin), ...settingsRows(definition), ...lines.slice(end)].join("\n");
    writeFileSync(join(ROOT, document), text);
  }
}

/** The lines of a document, and between which of them its settings table stands. */
function locate(document: string) {
  const lines = readFileSync(join(ROOT, document), "utf8").split("\n");
  const begin = lines.findIndex((line) => cellsOf(line).join() === HEAD.join());
  if (begin < 0)
    throw new Error(`Cannot find the settings table of "${document}": expected the head ${formatRow(HEAD)}`);
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
