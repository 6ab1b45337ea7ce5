import type { Operands, SettingsDefinition } from "./define-settings.ts";
import { describeSettings, type SettingDescription } from "./describe-settings.ts";

const LABEL_WIDTH = 24;
const LINE_WIDTH = 100;

/** The text of `--help`: every setting with its flag, meaning, variables, default and accepted values. */
export function formatHelp(definition: SettingsDefinition): string {
  const entries = describeSettings(definition).map((setting) =>
    formatEntry(labelOf(setting), detailsOf(setting)),
  );
  const { operands } = definition;
  return [
    `Usage: ${definition.program}${operands ? ` ${usageOf(operands)}` : ""} [settings]`,
    "",
    ...(operands ? [formatEntry(operands.name, [operands.doc]), ""] : []),
    "A flag wins over its environment variable, the variable over the default.",
    "",
    ...entries,
    formatEntry("--help", ["Print this and exit"]),
    formatEntry("--version", ["Print the version and exit"]),
    "",
  ].join("\n");
}

/** "FILE…" for one or more, "[ID]" for one that may be missing. */
function usageOf({ name, min, max }: Operands): string {
  const names = max > 1 ? `${name}…` : name;
  return min === 0 ? `[${names}]` : names;
}

function labelOf({ flag, short, env }: SettingDescription): string {
  if (flag === undefined) return env.join(", ");
  return short === undefined ? flag : `${short}, ${flag}`;
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
