import type { SettingsDefinition } from "./define-settings.ts";
import { describeSettings, type SettingDescription } from "./describe-settings.ts";

const LABEL_WIDTH = 24;
const LINE_WIDTH = 100;

/** The text of `--help`: every setting with its flag, meaning, variables, default and accepted values. */
export function formatHelp(definition: SettingsDefinition): string {
  const entries = describeSettings(definition).map((setting) =>
    formatEntry(setting.flag ?? setting.env.join(", "), detailsOf(setting)),
  );
  return [
    `Usage: ${definition.program} [settings]`,
    "",
    "A flag wins over its environment variable, the variable over the default.",
    "",
    ...entries,
    formatEntry("--help", ["Print this and exit"]),
    formatEntry("--version", ["Print the version and exit"]),
    "",
  ].join("\n");
}

function detailsOf(setting: SettingDescription): readonly string[] {
  const variables = setting.flag === undefined ? [] : setting.env;
  const fallback = setting.default === undefined ? "not set by default" : `default ${setting.default}`;
  return [...setting.doc.split("\n"), [...variables, fallback, setting.accepts].join(" · ")];
}

/** The label in the left column, the details in the right; a long label has a line of its own. */
function formatEntry(label: string, details: readonly string[]): string {
  const indent = " ".repeat(LABEL_WIDTH + 4);
  const right = details
    .flatMap((line) => wrap(line, LINE_WIDTH - indent.length))
    .map((line) => indent + line);
  const left = `  ${label.padEnd(LABEL_WIDTH)}  `;
  if (label.length > LABEL_WIDTH) return [left.trimEnd(), ...right].join("\n");
  return [left + right[0]!.trimStart(), ...right.slice(1)].join("\n");
}

function wrap(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of line.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
