/** The settings of each program as a Markdown table in its document: compared by a test, written by `node --run docs`. */
import { upSettings } from "@baton/cli";
import { describeSettings, type SettingsDefinition } from "@baton/config";
import { settings as decodeSettings } from "../../services/decode-worker/src/config.ts";
import { settings as prefillSettings } from "../../services/prefill-worker/src/config.ts";
import { settings as routerSettings } from "../../services/router/src/config.ts";
import { formatTable, replaceTable, tableIn } from "./markdown-table.ts";

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
  return formatTable(HEAD, rows);
}

/** The rows that a document has, without the padding that aligns them. */
export function rowsIn(document: string): readonly string[] {
  return tableIn(document, HEAD);
}

/** Puts the tables of the code into the documents. */
export function writeSettingsTables(): void {
  for (const [document, definition] of SETTINGS_DOCUMENTS)
    replaceTable(document, HEAD, settingsRows(definition));
}
